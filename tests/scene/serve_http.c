/* serve_http.c - see the header. */
#include "serve_http.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PORT = 12345,
    PIECE_BYTES = 16384,
    QUIET_MS = 40000, /* heartbeats come every 15 s */
    AGAIN_US = 2000000,
    UNDER_WAY = 8,
};

/* --- a connection --- */

struct wire {
    int fd;
    size_t count, at; /* of what has come, and what of it has been taken */
    char bytes[PIECE_BYTES];
};

static bool dial(struct wire *wire)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    server.sin_addr.s_addr = inet_addr("10.0.0.1");
    *wire = (struct wire){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (wire->fd >= 0 && connect(wire->fd, (struct sockaddr *)&server, sizeof server) == 0)
        return true;
    if (wire->fd >= 0)
        close(wire->fd);
    return false;
}

static bool send_all(struct wire *wire, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(wire->fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

/* Gives: the next byte; -1: there is none, or none for so long. */
static int next_byte(struct wire *wire)
{
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    if (wire->at == wire->count) {
        if (poll(&ready, 1, QUIET_MS) != 1)
            return -1;
        ssize_t got = recv(wire->fd, wire->bytes, sizeof wire->bytes, 0);
        if (got <= 0)
            return -1;
        wire->count = (size_t)got;
        wire->at = 0;
    }
    return (unsigned char)wire->bytes[wire->at++];
}

/* A line without its end, of LF or CR LF. Gives: false: it has not come whole. */
static bool next_line(struct wire *wire, char *out_line, size_t room)
{
    size_t length = 0;
    int byte;
    while ((byte = next_byte(wire)) >= 0 && byte != '\n') {
        scene_check(length < room - 1, "%s", "a line of HTTP is too long");
        out_line[length++] = (char)byte;
    }
    if (length > 0 && out_line[length - 1] == '\r')
        length--;
    out_line[length] = 0;
    return byte == '\n';
}

/* Reads a head. Gives: the status; 0: it has not come whole. */
static int read_head(struct wire *wire, size_t *out_length)
{
    char line[512];
    int status = 0;
    *out_length = 0;
    if (!next_line(wire, line, sizeof line))
        return 0;
    scene_check(sscanf(line, "HTTP/1.1 %d ", &status) == 1, "answered '%.60s'", line);
    while (next_line(wire, line, sizeof line)) {
        if (!*line)
            return status;
        (void)sscanf(line, "Content-Length: %zu", out_length);
    }
    return 0;
}

/* The whole of an answer. Gives: the status; 0: it has not come whole. */
static int read_answer(struct wire *wire, char *out_body, size_t room)
{
    size_t length, at = 0;
    int status = read_head(wire, &length);
    scene_check(length < room, "an answer of %zu bytes", length);
    while (status && at < length) {
        int byte = next_byte(wire);
        if (byte < 0)
            return 0;
        out_body[at++] = (char)byte;
    }
    out_body[at] = 0;
    return status;
}

static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *text, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(text + length, SERVE_OUTPUT_BYTES - length, format, arguments);
    va_end(arguments);
    scene_check(more >= 0 && length + (size_t)more < SERVE_OUTPUT_BYTES, "%s", "too much output");
}

/* --- publishing --- */

/* Gives: the next line. */
static const char *post(struct wire *wire, const struct serve_publisher *publisher,
                        const char *line, bool *out_sent)
{
    char head[200];
    size_t length = (size_t)(strchr(line, '\n') - line);
    int count = snprintf(head, sizeof head,
                         "POST /streams/stream%d HTTP/1.1\r\nHost: 10.0.0.1\r\n"
                         "Content-Length: %zu\r\n\r\n",
                         publisher->stream, length);
    *out_sent = send_all(wire, head, (size_t)count) && send_all(wire, line, length);
    return line + length + 1;
}

static bool take_id(struct wire *wire, struct serve_publisher *publisher)
{
    char body[1024];
    unsigned long long id;
    if (read_answer(wire, body, sizeof body) != 201)
        return false;
    const char *at = strstr(body, "\"id\":");
    scene_check(at && sscanf(at, "\"id\":%llu", &id) == 1, "a post is answered '%.60s'", body);
    append(publisher->run.output, "%llu\n", id);
    return true;
}

/* As long as all goes well: of what was not answered then nobody knows. */
static int post_lines(void *argument)
{
    struct serve_publisher *publisher = argument;
    struct wire *wire = malloc(sizeof *wire);
    const char *line = publisher->run.input;
    int under_way = 0;
    if (!wire || !dial(wire))
        return 1;
    bool well = true;
    while (well && (*line || under_way > 0)) {
        int most = publisher->run.slowly ? 1 : UNDER_WAY;
        while (well && *line && under_way < most) {
            line = post(wire, publisher, line, &well);
            under_way++;
        }
        while (well && under_way > 0) {
            well = take_id(wire, publisher);
            under_way--;
        }
    }
    close(wire->fd);
    free(wire);
    return !well;
}

void serve_post(struct serve_model *model, struct hark_sim_machine *machine, int stream)
{
    struct serve_publisher *publisher = serve_next_publisher(model, stream);
    if (publisher)
        publisher->run.process = hark_sim_start(machine, post_lines, publisher);
}

/* --- following --- */

struct follower {
    struct wire wire;
    unsigned long long last; /* id; 0: none was told */
    /* Of the event that is coming: */
    unsigned long long id;
    char name[32];
    char data[8192];
};

static bool ask(struct follower *follower, const struct serve_reader *reader)
{
    char request[400], last[64] = "";
    if (follower->last)
        snprintf(last, sizeof last, "Last-Event-ID: %llu\r\n", follower->last);
    int count = snprintf(request, sizeof request,
                         "GET /streams/stream%d%s HTTP/1.1\r\nHost: 10.0.0.1\r\n"
                         "Accept: text/event-stream\r\n%s\r\n",
                         reader->stream, reader->from_start ? "?after=start" : "", last);
    return send_all(&follower->wire, request, (size_t)count);
}

static void take_event(struct follower *follower, struct serve_reader *reader)
{
    unsigned long long after, first;
    if (strcmp(follower->name, "gap") == 0) {
        scene_check(
            sscanf(follower->data, "{\"after\":\"%llu\",\"first\":\"%llu\"}", &after, &first) == 2,
            "a gap is told as '%.60s'", follower->data);
        append(reader->run.errors, "the events after %llu and before %llu\n", after, first);
    } else if (follower->id) {
        follower->last = follower->id;
        if (strcmp(follower->name, "position") != 0)
            append(reader->run.output, "%llu\t%s\n", follower->id, follower->data);
    }
    follower->id = 0;
    *follower->name = 0;
    *follower->data = 0;
}

static void take_field(struct follower *follower, const char *line)
{
    if (sscanf(line, "id: %llu", &follower->id) == 1 ||
        sscanf(line, "event: %31s", follower->name) == 1)
        return;
    if (strncmp(line, "data: ", 6) == 0)
        snprintf(follower->data, sizeof follower->data, "%s", line + 6);
}

/* Until the connection ends. What has not come whole is forgotten. */
static void take_events(struct follower *follower, struct serve_reader *reader)
{
    char line[8192];
    size_t length;
    if (!ask(follower, reader) || read_head(&follower->wire, &length) != 200)
        return;
    follower->id = 0;
    *follower->name = 0;
    *follower->data = 0;
    while (next_line(&follower->wire, line, sizeof line)) {
        if (*line)
            take_field(follower, line);
        else
            take_event(follower, reader);
    }
}

static int follow(void *argument)
{
    struct serve_reader *reader = argument;
    struct follower *follower = calloc(1, sizeof *follower);
    while (follower) {
        if (dial(&follower->wire)) {
            take_events(follower, reader);
            close(follower->wire.fd);
        }
        usleep(AGAIN_US);
    }
    return 1;
}

struct serve_reader *serve_follow(struct serve_model *model, struct hark_sim_machine *machine,
                                  int stream, bool from_start)
{
    struct serve_reader *reader = serve_next_reader(model, stream, from_start);
    if (!reader)
        return NULL;
    reader->by_http = true;
    reader->run.process = hark_sim_start(machine, follow, reader);
    return reader;
}

/* --- deleting --- */

static int delete_stream(void *argument)
{
    struct serve_deletion *deletion = argument;
    char request[200], body[1024];
    struct wire *wire = malloc(sizeof *wire);
    if (!wire || !dial(wire))
        return 1;
    int count =
        snprintf(request, sizeof request,
                 "DELETE /streams/stream%d HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", deletion->stream);
    int status = send_all(wire, request, (size_t)count) ? read_answer(wire, body, sizeof body) : 0;
    close(wire->fd);
    free(wire);
    if (status == 204)
        deletion->ended_ns = hark_sim_now(deletion->world);
    return status != 204;
}

void serve_delete(struct serve_model *model, struct hark_sim_machine *machine, int stream)
{
    if (model->deletions_count == SERVE_DELETIONS)
        return;
    struct serve_deletion *deletion = &model->deletions[model->deletions_count++];
    deletion->world = model->world;
    deletion->stream = stream;
    for (int i = 0; i < model->publishers_count; i++)
        deletion->behind[i] = hark_sim_ended(model->publishers[i].run.process);
    deletion->process = hark_sim_start(machine, delete_stream, deletion);
}
