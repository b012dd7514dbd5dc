#!/bin/sh
# For a member beside a resolver in one pod: a container that ends makes its pod not ready, and would
# take the resolver out of service with the member. This one stays, and starts the member again.
# SIGTERM lets the member hand its data over, and then ends.
set -u
pause_seconds=5
member=
is_stopping=
stop() {
  is_stopping=yes
  [ -z "$member" ] || kill -TERM "$member" 2>/dev/null
}
trap stop TERM INT
while [ -z "$is_stopping" ]; do
  "$(dirname "$0")/member.sh" &
  member=$!
  # A signal ends `wait` before the member has ended: wait until it has.
  while kill -0 "$member" 2>/dev/null; do wait "$member"; done
  [ -n "$is_stopping" ] && break
  echo "the member has ended; it is started again in ${pause_seconds} s" >&2
  sleep "$pause_seconds" &
  member=$!
  wait "$member"
done
exit 0
