/* A load generator that costs next to nothing: one epoll loop, HTTP/1.1 keep-alive, every figure exact.

   load --port N --head FILE --body FILE --connections N --seconds S [--rate R] [--requests N] [--stream --chunks N]
        [--expect TEXT] [--grace S]

   Without --rate it is a closed loop: each connection asks again as soon as it is answered. With --rate it is an open
   loop: request i is due at start + i/rate, whatever became of those before it, and its latency counts from that
   instant, also when all connections were busy; so a server that stalls is charged for everyone who waited.
   FILE of --head holds the request line and headers without content-length. An answer counts if it is 200, whole, contains TEXT and, with --stream, has all its chunks and [DONE];
   anything else is an error, counted by kind. Prints one JSON object; times are in microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "samples.h"

enum { EVENTS = 512, READ_BYTES = 262144, HEAD_BYTES = 8192, WORD_BYTES = 64 };
enum place { IN_HEAD, IN_BODY, IN_SIZE, IN_CHUNK, IN_TRAILER };
enum error { BAD_STATUS, BAD_CONTENT, CLOSED, NOT_CONNECTED, UNFINISHED, UNSENT, ERRORS };
static const char *const ERROR_NAMES[] = {"status", "content", "closed", "connect", "unfinished", "unsent"};

struct conn {
    int fd;
    bool is_open, is_busy, is_writing, has_token, is_expected_seen, is_done_seen, closes;
    uint64_t due, sent_at, first_byte_at;
    size_t written, left; /* left: bytes of the body or chunk still to come */
    int status, stamps;
    enum place place;
    size_t head_length, word_length, line_length, expect_matched, done_matched;
    char head[HEAD_BYTES], word[WORD_BYTES], line[WORD_BYTES];
};

static struct options {
    int port, connections, chunks;
    double seconds, rate, grace;
    uint64_t requests;
    bool is_stream;
    const char *head, *body, *expect;
} options = {.connections = 1, .chunks = -1, .seconds = 1, .grace = 10, .requests = UINT64_MAX};

static char *request, first_error[256];
static size_t request_length;
static struct conn *conns;
static int *idle, idle_count, opened, busy, most_busy, epoll_fd;
static uint64_t answers, issued, errors[ERRORS], started_at, stops_at, last_answer_at;
static struct samples latency, first_byte, first_token, chunk_delay, lateness;
static const char DONE[] = "data: [DONE]";

static uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static uint64_t since(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

static void count_error(enum error kind, const char *words, size_t length)
{
    errors[kind]++;
    if (first_error[0])
        return;
    if (length > sizeof first_error - 1)
        length = sizeof first_error - 1;
    for (size_t i = 0; i < length; i++)
        first_error[i] = (unsigned char)words[i] < 32 || strchr("\"\\", words[i]) || words[i] < 0 ? ' ' : words[i];
    first_error[length] = 0;
}

static void watch(struct conn *conn, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(conn - conns)};
    if (epoll_ctl(epoll_fd, operation, conn->fd, &event))
        die("epoll_ctl");
}

static void release(struct conn *conn)
{
    conn->is_busy = false;
    busy--;
    idle[idle_count++] = (int)(conn - conns);
}

static void drop(struct conn *conn)
{
    if (conn->is_open)
        close(conn->fd);
    conn->is_open = false;
}

static void fail(struct conn *conn, enum error kind, const char *words, size_t length)
{
    count_error(kind, words, length);
    drop(conn);
    release(conn);
}

static void send_rest(struct conn *conn)
{
    while (conn->written < request_length) {
        ssize_t sent = send(conn->fd, request + conn->written, request_length - conn->written, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
            if (!conn->is_writing)
                watch(conn, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            conn->is_writing = true;
            return;
        }
        if (sent < 0) {
            enum error kind = errno == ECONNREFUSED ? NOT_CONNECTED : CLOSED;
            fail(conn, kind, strerror(errno), strlen(strerror(errno)));
            return;
        }
        conn->written += (size_t)sent;
    }
    if (conn->is_writing)
        watch(conn, EPOLLIN, EPOLL_CTL_MOD);
    conn->is_writing = false;
}

static bool open_conn(struct conn *conn)
{
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (conn->fd < 0)
        return false;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(conn->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        close(conn->fd);
        return false;
    }
    conn->is_open = true;
    conn->is_writing = false;
    watch(conn, EPOLLIN, EPOLL_CTL_ADD);
    return true;
}

/* Takes an idle connection, the one used last, or a new one. False: all are busy. */
static bool ask(uint64_t due)
{
    if (!idle_count && opened == options.connections)
        return false;
    struct conn *conn = idle_count ? &conns[idle[--idle_count]] : &conns[opened++];
    busy++;
    if (busy > most_busy)
        most_busy = busy;
    issued++;
    conn->is_busy = true;
    if (!conn->is_open && !open_conn(conn)) {
        fail(conn, NOT_CONNECTED, strerror(errno), strlen(strerror(errno)));
        return true;
    }
    conn->due = due;
    conn->sent_at = now_ns();
    conn->place = IN_HEAD;
    conn->has_token = conn->is_expected_seen = conn->is_done_seen = conn->closes = false;
    conn->written = conn->head_length = conn->word_length = conn->line_length = 0;
    conn->expect_matched = conn->done_matched = conn->first_byte_at = 0;
    conn->stamps = 0;
    note(&lateness, since(due, conn->sent_at));
    send_rest(conn);
    return true;
}

static void answered(struct conn *conn, uint64_t now)
{
    if (conn->status != 200) {
        count_error(BAD_STATUS, conn->head, conn->head_length < 80 ? conn->head_length : 80);
    } else if (!conn->is_expected_seen || (options.is_stream && (!conn->is_done_seen || conn->stamps != options.chunks))) {
        char words[160];
        snprintf(words, sizeof words, "expected text %s, %d chunks, end %s", conn->is_expected_seen ? "seen" : "missing",
                 conn->stamps, conn->is_done_seen ? "seen" : "missing");
        count_error(BAD_CONTENT, words, strlen(words));
    } else {
        answers++;
        last_answer_at = now;
        note(&latency, since(conn->due, now));
        note(&first_byte, since(conn->due, conn->first_byte_at));
    }
    if (conn->closes)
        drop(conn);
    release(conn);
}

/* One step of a naive search that is right for texts whose first letter does not come back in them. */
static bool matches(const char *text, size_t *matched, char letter)
{
    if (letter == text[*matched])
        return text[++*matched] == 0 ? (*matched = 0, true) : false;
    *matched = letter == text[0];
    return false;
}

/* The body, without the frames of transfer-encoding, in pieces as they come. */
static void read_content(struct conn *conn, const char *bytes, size_t length, uint64_t now)
{
    if (!options.is_stream && conn->is_expected_seen)
        return;
    for (size_t i = 0; i < length; i++) {
        char letter = bytes[i];
        if (!conn->is_expected_seen && matches(options.expect, &conn->expect_matched, letter))
            conn->is_expected_seen = true;
        if (!options.is_stream)
            continue;
        if (matches(DONE, &conn->done_matched, letter))
            conn->is_done_seen = true;
        if (letter == '@') {
            if (conn->word_length > 10) {
                conn->word[conn->word_length] = 0;
                note(&chunk_delay, since(strtoull(conn->word + 1, NULL, 10), now));
                if (!conn->has_token)
                    note(&first_token, since(conn->due, now));
                conn->has_token = true;
                conn->stamps++;
                conn->word_length = 0;
            } else {
                conn->word_length = 1;
            }
        } else if (conn->word_length) {
            bool goes_on = letter >= '0' && letter <= '9' && conn->word_length < WORD_BYTES - 1;
            conn->word[conn->word_length] = letter;
            conn->word_length = goes_on ? conn->word_length + 1 : 0;
        }
    }
}

static bool read_head(struct conn *conn)
{
    conn->head[conn->head_length] = 0;
    conn->status = conn->head_length > 12 ? atoi(conn->head + 9) : 0;
    conn->closes = strcasestr(conn->head, "\r\nconnection: close") != NULL;
    const char *field = strcasestr(conn->head, "\r\ncontent-length:");
    conn->left = field ? strtoul(field + 17, NULL, 10) : 0;
    bool is_chunked = strcasestr(conn->head, "\r\ntransfer-encoding: chunked") != NULL;
    conn->place = is_chunked ? IN_SIZE : IN_BODY;
    return is_chunked || field;
}

/* A line of the chunked coding: a size, the empty line after a chunk, or the end. True when the answer is whole. */
static bool read_line(struct conn *conn)
{
    bool is_empty = conn->line_length == 0;
    conn->line[conn->line_length] = 0;
    conn->line_length = 0;
    if (conn->place == IN_TRAILER)
        return is_empty;
    if (is_empty)
        return false;
    conn->left = strtoul(conn->line, NULL, 16);
    conn->place = conn->left ? IN_CHUNK : IN_TRAILER;
    return false;
}

/* Consumes one byte of a head or a line. True when the answer is whole; *is_bad when it cannot be read. */
static bool read_letter(struct conn *conn, char letter, bool *is_bad)
{
    if (conn->place == IN_HEAD) {
        if (conn->head_length == HEAD_BYTES - 1) {
            *is_bad = true;
            return false;
        }
        conn->head[conn->head_length++] = letter;
        bool is_end = conn->head_length >= 4 && !memcmp(conn->head + conn->head_length - 4, "\r\n\r\n", 4);
        *is_bad = is_end && !read_head(conn);
        return is_end && !*is_bad && conn->place == IN_BODY && !conn->left;
    }
    if (letter == '\n')
        return read_line(conn);
    if (letter != '\r' && conn->line_length < WORD_BYTES - 1)
        conn->line[conn->line_length++] = letter;
    return false;
}

static void readable(struct conn *conn)
{
    static char bytes[READ_BYTES];
    ssize_t got = recv(conn->fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || !conn->is_busy) {
        /* Between two requests a server may close; whoever asks next opens anew. */
        if (conn->is_busy)
            fail(conn, errno == ECONNREFUSED ? NOT_CONNECTED : CLOSED, "closed before the answer was whole", 34);
        else
            drop(conn);
        return;
    }
    uint64_t now = now_ns();
    if (!conn->first_byte_at)
        conn->first_byte_at = now;
    for (size_t at = 0; at < (size_t)got;) {
        bool is_whole = false, is_bad = false;
        if (conn->place == IN_BODY || conn->place == IN_CHUNK) {
            size_t piece = conn->left < (size_t)got - at ? conn->left : (size_t)got - at;
            read_content(conn, bytes + at, piece, now);
            at += piece;
            conn->left -= piece;
            is_whole = conn->place == IN_BODY && !conn->left;
            if (conn->place == IN_CHUNK && !conn->left)
                conn->place = IN_SIZE;
        } else {
            is_whole = read_letter(conn, bytes[at++], &is_bad);
        }
        if (is_bad) {
            fail(conn, BAD_CONTENT, conn->head, conn->head_length < 80 ? conn->head_length : 80);
            return;
        }
        if (is_whole) {
            answered(conn, now);
            return;
        }
    }
}

static bool is_over(uint64_t now)
{
    return now >= stops_at || issued >= options.requests;
}

static uint64_t due_at(uint64_t number)
{
    return started_at + (uint64_t)((double)number * 1e9 / options.rate);
}

/* How many requests should have been sent by the end of the run. */
static uint64_t planned(void)
{
    uint64_t all = (uint64_t)(options.seconds * options.rate);
    return all < options.requests ? all : options.requests;
}

/* Sends what is due; returns when to look again, or 0 when nothing more is to be sent. */
static uint64_t issue(uint64_t now)
{
    if (!options.rate) {
        while (!is_over(now) && ask(now_ns()))
            ;
        return is_over(now) ? 0 : stops_at;
    }
    while (issued < planned()) {
        uint64_t due = due_at(issued);
        if (due > now)
            return due;
        if (!ask(due))
            return now + 1000000; /* all busy: an answer wakes us earlier */
    }
    return 0;
}

static void run(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &event);
    started_at = now_ns();
    stops_at = started_at + (uint64_t)(options.seconds * 1e9);
    uint64_t ends_at = stops_at + (uint64_t)(options.grace * 1e9), armed = 0;
    for (;;) {
        uint64_t now = now_ns(), next = issue(now);
        if ((!next && !busy) || now >= ends_at)
            break;
        if (!next || next > ends_at)
            next = ends_at;
        if (next != armed) {
            struct itimerspec spec = {.it_value = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
            armed = next;
        }
        int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u64 == UINT64_MAX) {
                uint64_t ticks;
                (void)!read(timer, &ticks, sizeof ticks);
                armed = 0;
                continue;
            }
            struct conn *conn = &conns[events[i].data.u64];
            if (conn->is_open && conn->is_busy && events[i].events & EPOLLOUT)
                send_rest(conn);
            if (conn->is_open && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(conn);
        }
    }
    errors[UNFINISHED] = (uint64_t)busy;
    if (options.rate)
        errors[UNSENT] = planned() - issued;
}

static void print_figures(void)
{
    uint64_t all = 0;
    printf("{\"mode\": \"%s\", \"planned\": %llu, \"issued\": %llu, \"answers\": %llu, \"error_kinds\": {",
           options.rate ? "open" : "closed", (unsigned long long)(options.rate ? planned() : issued),
           (unsigned long long)issued, (unsigned long long)answers);
    for (int i = 0; i < ERRORS; i++) {
        printf("%s\"%s\": %llu", i ? ", " : "", ERROR_NAMES[i], (unsigned long long)errors[i]);
        all += errors[i];
    }
    double seconds = (double)since(started_at, last_answer_at) / 1e9;
    printf("}, \"errors\": %llu, \"first_error\": \"%s\", \"seconds\": %.6f, \"answers_per_second\": %.2f, \"most_in_flight\": %d",
           (unsigned long long)all, first_error, seconds, seconds > 0 ? (double)answers / seconds : 0.0, most_busy);
    print_samples("latency_us", &latency);
    print_samples("first_byte_us", &first_byte);
    print_samples("first_token_us", &first_token);
    print_samples("chunk_delay_us", &chunk_delay);
    print_samples("lateness_us", &lateness);
    puts("}");
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    char *bytes = malloc(1 << 24);
    *length = fread(bytes, 1, 1 << 24, file);
    fclose(file);
    return bytes;
}

static void build_request(void)
{
    size_t head_length, body_length;
    char *head = read_file(options.head, &head_length), *body = read_file(options.body, &body_length);
    request = malloc(head_length + body_length + 64);
    int length = sprintf(request, "%.*s\r\ncontent-length: %zu\r\n\r\n", (int)head_length, head, body_length);
    memcpy(request + length, body, body_length);
    request_length = (size_t)length + body_length;
    free(head);
    free(body);
}

static bool set_option(const char *name, const char *value)
{
    if (!strcmp(name, "--port")) options.port = atoi(value);
    else if (!strcmp(name, "--connections")) options.connections = atoi(value);
    else if (!strcmp(name, "--chunks")) options.chunks = atoi(value);
    else if (!strcmp(name, "--seconds")) options.seconds = atof(value);
    else if (!strcmp(name, "--rate")) options.rate = atof(value);
    else if (!strcmp(name, "--grace")) options.grace = atof(value);
    else if (!strcmp(name, "--requests")) options.requests = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--head")) options.head = value;
    else if (!strcmp(name, "--body")) options.body = value;
    else if (!strcmp(name, "--expect")) options.expect = value;
    else return false;
    return true;
}

int main(int count, char **arguments)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 1; i < count; i++) {
        if (!strcmp(arguments[i], "--stream")) {
            options.is_stream = true;
        } else if (i + 1 == count || !set_option(arguments[i], arguments[i + 1])) {
            fprintf(stderr, "load: %s is no option, or its value is missing\n", arguments[i]);
            return 2;
        } else {
            i++;
        }
    }
    if (!options.port || !options.head || !options.body || !options.expect || options.connections < 1) {
        fprintf(stderr, "load: --port, --head, --body and --expect are needed, and --connections of at least 1\n");
        return 2;
    }
    build_request();
    conns = calloc((size_t)options.connections, sizeof *conns);
    idle = calloc((size_t)options.connections, sizeof *idle);
    epoll_fd = epoll_create1(0);
    run();
    print_figures();
    return 0;
}
