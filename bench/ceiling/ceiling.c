/*
 * The ceiling: the least that one thread can spend on answering DNS queries over UDP on this
 * machine. It takes and sends batches (recvmmsg, sendmmsg) and knows one answer, an A record of
 * 192.0.2.1, whatever is asked. Usage: ceiling PORT (on 127.0.0.1). On SIGUSR1 it says on standard
 * output how many it answered: so it serves as an upstream whose queries are counted, too.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
  batch_max = 64,
  message_max = 512, /* RFC 1035 section 4.2.1 */
  header_length = 12,
  name_max = 255,
  kernel_buffer_bytes = 4 * 1024 * 1024,
};

/* Pointer to the name at offset 12, A, IN, TTL 300, 4 octets: RFC 1035 section 4.1.3 and 4.1.4. */
static const uint8_t answer_record[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};

static uint8_t buffers[batch_max][message_max + sizeof answer_record];
static struct sockaddr_in clients[batch_max];
static struct iovec vectors[batch_max];
static struct mmsghdr messages[batch_max];

/* Turns the query into its response in place. Returns the length, 0 when it is to be dropped. */
static size_t respond(uint8_t *message, size_t length) {
  if (length < header_length || (message[2] & 0x80) != 0) return 0;
  size_t at = header_length;
  while (at < length && message[at] != 0) {
    if (message[at] > 63 || at - header_length > name_max) return 0;
    at += (size_t)message[at] + 1;
  }
  size_t question_end = at + 5;
  if (question_end > length) return 0;
  message[2] = (uint8_t)(0x80 | (message[2] & 0x01)); /* QR, and RD as it was */
  message[3] = 0x80;                                  /* RA, NOERROR */
  static const uint8_t counts[8] = {0, 1, 0, 1, 0, 0, 0, 0};
  memcpy(message + 4, counts, sizeof counts);
  memcpy(message + question_end, answer_record, sizeof answer_record);
  return question_end + sizeof answer_record;
}

static int open_socket(const char *port) {
  int handle = socket(AF_INET, SOCK_DGRAM, 0);
  int bytes = kernel_buffer_bytes;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (handle < 0 || bind(handle, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("ceiling");
    exit(1);
  }
  setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  return handle;
}

/* Makes the first `count` slots ready to receive again. */
static void reset(int count) {
  for (int at = 0; at < count; at++) {
    vectors[at] = (struct iovec){buffers[at], message_max};
    messages[at].msg_hdr = (struct msghdr){.msg_name = &clients[at],
                                           .msg_namelen = sizeof clients[at],
                                           .msg_iov = &vectors[at],
                                           .msg_iovlen = 1};
  }
}

/* Moves the responses to the front of the batch. Returns how many there are. */
static int respond_to_all(int received) {
  int count = 0;
  for (int at = 0; at < received; at++) {
    size_t length = respond(buffers[at], messages[at].msg_len);
    if (length == 0) continue;
    messages[count].msg_hdr = messages[at].msg_hdr;
    vectors[at].iov_len = length;
    count++;
  }
  return count;
}

static volatile sig_atomic_t is_asked;

static void ask(int number) {
  (void)number;
  is_asked = 1;
}

int main(int argument_count, char **arguments) {
  if (argument_count != 2) {
    fprintf(stderr, "usage: ceiling PORT\n");
    return 2;
  }
  int handle = open_socket(arguments[1]);
  unsigned long long answered = 0;
  struct sigaction action = {.sa_handler = ask};
  sigaction(SIGUSR1, &action, NULL);
  reset(batch_max);
  for (;;) {
    if (is_asked) {
      is_asked = 0;
      printf("answered %llu\n", answered);
      fflush(stdout);
    }
    int received = recvmmsg(handle, messages, batch_max, MSG_WAITFORONE, NULL);
    if (received < 0) {
      if (errno == EINTR) continue;
      perror("ceiling");
      return 1;
    }
    int count = respond_to_all(received);
    answered += (unsigned)count;
    for (int sent = 0; sent < count;) {
      int now = sendmmsg(handle, messages + sent, (unsigned)(count - sent), 0);
      if (now <= 0) break; /* a full buffer loses answers, as UDP may */
      sent += now;
    }
    reset(received);
  }
}
