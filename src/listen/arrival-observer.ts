import type { Transport } from '../query/query.ts';
import type { RejectReason } from '../query/read-query.ts';

/** Port for what listeners count: all that never becomes a query on its way through the stages. */
export interface ArrivalObserver {
  countRejected(transport: Transport, reason: RejectReason, code: number): void;
  countDropped(reason: string): void;
  countShed(transport: Transport, reason: string, code?: number): void;
  countConnectionRefused(reason: string): void;
  /** A socket sends each answer by itself from now on: the kernel takes no joined ones there. */
  countSegmentationRefused(): void;
}
