/* A mock upstream that costs next to nothing: OpenAI chat completions over HTTP/1.1 keep-alive, one epoll loop.

   Usage: mock PORT. Prints "ready" when it listens. POST /control?head_us=50000&pace_us=5000&chunks=200 sets, for all
   later answers, how long the head takes, the time between two chunks of a stream (0: all at once) and how many there
   are. Any other POST is a chat; GET is the list of models. Every chunk carries its send time, "@<ns>@" of
   CLOCK_MONOTONIC, so that who reads it on this machine knows how long it was under way. */
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

/* A closed connection leaves its timer behind until that is due. */
enum { EVENTS = 512, MOST_FDS = 20000, MOST_TIMERS = 4 * MOST_FDS, READ_BYTES = 65536 };

struct buffer {
    char *bytes;
    size_t length, capacity;
};

struct conn {
    int fd;
    unsigned turn; /* changes when the fd is reused, so that an old timer finds nobody */
    bool is_open, is_writing, is_streaming, wants_usage, is_head_sent;
    int left;
    struct buffer in, out;
};

struct timer {
    uint64_t due;
    int fd;
    unsigned turn;
};

static struct conn conns[MOST_FDS];
static struct timer heap[MOST_TIMERS];
static size_t heap_size;
static uint64_t head_us, pace_us, armed;
static int chunks = 200, epoll_fd, timer_fd;

static const char PLAIN_BODY[] =
    "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock-model\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"word word word word word word word word "
    "word word word word word word word word word word word word word word word word word word word word word word word "
    "word word word word word word word word word word word word word word word word word word word word word word word "
    "word word word word word word \"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":500,\"completion_tokens\":60,\"total_tokens\":560}}";
static const char MODELS_BODY[] =
    "{\"object\":\"list\",\"data\":[{\"id\":\"mock-model\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}]}";
#define CHUNK_HEAD                                                                                        \
    "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":" \
    "\"mock-model\","

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void append(struct buffer *buffer, const char *bytes, size_t length)
{
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = 2 * (buffer->length + length);
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (!buffer->bytes)
            die("realloc");
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void drop_front(struct buffer *buffer, size_t length)
{
    buffer->length -= length;
    memmove(buffer->bytes, buffer->bytes + length, buffer->length);
}

/* Timers: a binary heap by due time; one timerfd is set to the earliest. */

static void swap_timers(size_t a, size_t b)
{
    struct timer kept = heap[a];
    heap[a] = heap[b];
    heap[b] = kept;
}

static void push_timer(uint64_t due, const struct conn *conn)
{
    if (heap_size == MOST_TIMERS) {
        fprintf(stderr, "mock: more than %d timers\n", MOST_TIMERS);
        exit(1);
    }
    size_t at = heap_size++;
    heap[at] = (struct timer){due, conn->fd, conn->turn};
    while (at && heap[(at - 1) / 2].due > heap[at].due) {
        swap_timers(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct timer pop_timer(void)
{
    struct timer first = heap[0];
    heap[0] = heap[--heap_size];
    for (size_t at = 0;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < heap_size && heap[left].due < heap[least].due)
            least = left;
        if (right < heap_size && heap[right].due < heap[least].due)
            least = right;
        if (least == at)
            return first;
        swap_timers(at, least);
        at = least;
    }
}

static void arm(void)
{
    if (!heap_size || heap[0].due == armed)
        return;
    armed = heap[0].due;
    struct itimerspec spec = {.it_value = {(time_t)(armed / 1000000000u), (long)(armed % 1000000000u)}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* Connections */

static void watch(struct conn *conn, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.fd = conn->fd};
    if (epoll_ctl(epoll_fd, operation, conn->fd, &event))
        die("epoll_ctl");
}

static void close_conn(struct conn *conn)
{
    close(conn->fd);
    conn->is_open = false;
    conn->turn++;
    conn->in.length = conn->out.length = 0;
}

static void flush(struct conn *conn)
{
    while (conn->out.length) {
        ssize_t sent = send(conn->fd, conn->out.bytes, conn->out.length, MSG_NOSIGNAL);
        if (sent > 0) {
            drop_front(&conn->out, (size_t)sent);
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            if (!conn->is_writing)
                watch(conn, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            conn->is_writing = true;
            return;
        }
        close_conn(conn);
        return;
    }
    if (conn->is_writing)
        watch(conn, EPOLLIN, EPOLL_CTL_MOD);
    conn->is_writing = false;
}

static void append_answer(struct conn *conn, const char *body)
{
    char head[160];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", strlen(body));
    append(&conn->out, head, (size_t)length);
    append(&conn->out, body, strlen(body));
}

static void append_event(struct conn *conn, const char *event)
{
    char size[24];
    int length = snprintf(size, sizeof size, "%zx\r\n", strlen(event));
    append(&conn->out, size, (size_t)length);
    append(&conn->out, event, strlen(event));
    append(&conn->out, "\r\n", 2);
}

static void append_chunk(struct conn *conn)
{
    char event[320];
    snprintf(event, sizeof event,
             CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"@%llu@ \"},\"finish_reason\":null}]}\n\n",
             conn->left == chunks ? "\"role\":\"assistant\"," : "", (unsigned long long)now_ns());
    append_event(conn, event);
}

static void append_stream_end(struct conn *conn)
{
    append_event(conn, CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    if (conn->wants_usage) {
        char event[320];
        snprintf(event, sizeof event,
                 CHUNK_HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":500,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                 chunks, 500 + chunks);
        append_event(conn, event);
    }
    append_event(conn, "data: [DONE]\n\n");
    append(&conn->out, "0\r\n\r\n", 5);
}

/* The next piece of the answer is due: a plain answer, or one chunk (all of them when nothing is paced). */
static void step(struct conn *conn)
{
    if (!conn->is_streaming) {
        append_answer(conn, PLAIN_BODY);
    } else {
        if (!conn->is_head_sent) {
            static const char HEAD[] =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            append(&conn->out, HEAD, sizeof HEAD - 1);
            conn->is_head_sent = true;
        }
        do {
            append_chunk(conn);
            conn->left--;
        } while (conn->left > 0 && !pace_us);
        if (conn->left > 0)
            push_timer(now_ns() + pace_us * 1000, conn);
        else
            append_stream_end(conn);
    }
    flush(conn);
}

static uint64_t control_value(const char *line, const char *name, uint64_t otherwise)
{
    const char *found = strstr(line, name);
    return found ? strtoull(found + strlen(name), NULL, 10) : otherwise;
}

static bool has(const char *bytes, size_t length, const char *text)
{
    return memmem(bytes, length, text, strlen(text)) != NULL;
}

static void answer(struct conn *conn, const char *head, const char *body, size_t length)
{
    if (!strncmp(head, "POST /control", 13)) {
        head_us = control_value(head, "head_us=", head_us);
        pace_us = control_value(head, "pace_us=", pace_us);
        chunks = (int)control_value(head, "chunks=", (uint64_t)chunks);
        append_answer(conn, "{}");
        flush(conn);
    } else if (!strncmp(head, "GET ", 4)) {
        append_answer(conn, MODELS_BODY);
        flush(conn);
    } else {
        conn->is_streaming = has(body, length, "\"stream\":true") || has(body, length, "\"stream\": true");
        conn->wants_usage = conn->is_streaming && has(body, length, "include_usage");
        conn->is_head_sent = false;
        conn->left = chunks;
        if (head_us)
            push_timer(now_ns() + head_us * 1000, conn);
        else
            step(conn);
    }
}

/* Answers every whole request in the buffer. */
static void read_requests(struct conn *conn)
{
    while (conn->is_open && conn->in.length) {
        char *end = memmem(conn->in.bytes, conn->in.length, "\r\n\r\n", 4);
        if (!end)
            return;
        *end = 0;
        const char *field = strcasestr(conn->in.bytes, "\r\ncontent-length:");
        size_t head = (size_t)(end - conn->in.bytes) + 4, body = field ? strtoul(field + 17, NULL, 10) : 0;
        if (!field && strcasestr(conn->in.bytes, "\r\ntransfer-encoding:")) {
            static const char REFUSAL[] = "HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            append(&conn->out, REFUSAL, sizeof REFUSAL - 1);
            flush(conn);
            if (conn->is_open)
                close_conn(conn);
            return;
        }
        if (conn->in.length < head + body) {
            *end = '\r';
            return;
        }
        answer(conn, conn->in.bytes, conn->in.bytes + head, body);
        if (conn->is_open)
            drop_front(&conn->in, head + body);
    }
}

static void readable(struct conn *conn)
{
    static char bytes[READ_BYTES];
    ssize_t got = recv(conn->fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close_conn(conn);
        return;
    }
    append(&conn->in, bytes, (size_t)got);
    read_requests(conn);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (fd >= MOST_FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct conn *conn = &conns[fd];
        conn->fd = fd;
        conn->is_open = true;
        conn->is_writing = false;
        watch(conn, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static void fire_timers(void)
{
    uint64_t ticks, now = now_ns();
    (void)!read(timer_fd, &ticks, sizeof ticks);
    armed = 0;
    while (heap_size && heap[0].due <= now) {
        struct timer timer = pop_timer();
        struct conn *conn = &conns[timer.fd];
        if (conn->is_open && conn->turn == timer.turn)
            step(conn);
    }
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: mock PORT\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        die("mock: listen");
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    for (int i = 0; i < 2; i++) {
        int fd = i ? timer_fd : listener;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    puts("ready");
    fflush(stdout);
    struct epoll_event events[EVENTS];
    for (;;) {
        arm();
        int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener);
            else if (fd == timer_fd)
                fire_timers();
            else if (conns[fd].is_open && events[i].events & EPOLLOUT)
                flush(&conns[fd]);
            if (fd != listener && fd != timer_fd && conns[fd].is_open && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(&conns[fd]);
        }
    }
}
