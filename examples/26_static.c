/* 26_static.c - serves the files of a directory over HTTP/1.1.
 *
 * Shows: hark_sendfile_start sends a file into a connection through a pipe, so that its bytes never
 * enter the program; a header before it with MSG_MORE shares its first packet. Of a connection one
 * request is under way at a time, each a step of `step` or the transfer. It answers GET and HEAD,
 * a range of bytes too, and keeps the connection. A client that is silent, or takes nothing, for
 * half a minute has gone.
 *
 * Try:   ./26_static 7000 include &
 *        curl -r 0-99 http://127.0.0.1:7000/hark.h
 */
#include "hark.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { REQUEST_MAX = 8192 };
#define PATIENCE UINT64_C(30000000000) /* ns */

static int root; /* the directory */

struct client {
    struct hark_op step, close;
    struct hark_sendfile body;
    struct statx status;
    int fd, file; /* file: -1 none is open */
    bool is_head, ends;
    uint64_t first, count; /* the bytes of the file that are asked for */
    const char *range;     /* in `in`; NULL: all */
    size_t have, used;     /* in `in`: bytes that have come, those of this request */
    char path[1024], out[512], in[REQUEST_MAX + 1];
};

static void client_close(struct client *client, struct hark_loop *loop);
static void receive(struct client *client, struct hark_loop *loop);

/* --- the answer --- */

static void file_closed(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, step);

    (void)result; /* nothing was written */
    client->file = -1;
    if (client->ends)
        return client_close(client, op->loop);
    client->have -= client->used;
    memmove(client->in, client->in + client->used, client->have);
    receive(client, op->loop);
}

static void answered(struct client *client, struct hark_loop *loop)
{
    if (client->file >= 0)
        hark_close(loop, &client->step, client->file, file_closed);
    else
        file_closed(&client->step, 0);
}

static void sent_body(struct hark_sendfile *body, int error)
{
    struct client *client = hark_container_of(body, struct client, body);

    if (error || body->count < client->count) /* the header has promised more */
        client->ends = true;
    answered(client, body->loop);
}

static void progressed(struct hark_sendfile *body)
{
    hark_op_deadline(&body->op, hark_now(body->loop) + PATIENCE);
}

static void sent_header(struct hark_op *op, int64_t result)
{
    static const struct hark_sendfile_options options = {.progressed = progressed};
    struct client *client = hark_container_of(op, struct client, step);

    bool is_sent = result == (int64_t)strlen(client->out);
    if (!is_sent)
        client->ends = true;
    if (!is_sent || client->count == 0)
        return answered(client, op->loop);
    hark_sendfile_start(op->loop, &client->body, client->file, (int64_t)client->first, client->fd,
                        client->count, &options, sent_body);
    hark_op_deadline(&client->body.op, hark_now(op->loop) + PATIENCE);
}

static void send_header(struct client *client, struct hark_loop *loop, int flags)
{
    hark_send(loop, &client->step, client->fd, client->out, strlen(client->out),
              MSG_WAITALL | flags, sent_header);
    hark_op_deadline(&client->step, hark_now(loop) + PATIENCE);
}

/* Without a body. `more`: a header of its own, or "". */
static void refuse(struct client *client, struct hark_loop *loop, const char *what,
                   const char *more)
{
    client->count = 0;
    snprintf(client->out, sizeof client->out, "HTTP/1.1 %s\r\nContent-Length: 0\r\n%s%s\r\n", what,
             more, client->ends ? "Connection: close\r\n" : "");
    send_header(client, loop, 0);
}

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css"},
        {".js", "text/javascript"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".txt", "text/plain"},
    };
    const char *end = strrchr(path, '.');

    for (size_t i = 0; end && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(end, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* RFC 9110, 14.1.2: "bytes=2-5", "bytes=2-", "bytes=-5". Others, several at once among them, may be
 * passed over. Gives: 200, 206 or 416. */
static int apply_range(struct client *client)
{
    uint64_t size = client->status.stx_size, last = size - 1;
    char *end;

    client->first = 0;
    client->count = size;
    if (!client->range || strncmp(client->range, "bytes=", 6) != 0)
        return 200;
    const char *text = client->range + 6;
    bool is_suffix = *text == '-';
    if (strspn(text + is_suffix, "0123456789") == 0)
        return 200;
    uint64_t number = strtoull(text + is_suffix, &end, 10);
    if (is_suffix) {
        client->first = number < size ? size - number : 0;
    } else {
        client->first = number;
        if (*end++ != '-')
            return 200;
        if (strspn(end, "0123456789") > 0)
            last = strtoull(end, &end, 10);
    }
    if (strcspn(end, "\r\n") > 0 || (!is_suffix && last < number && last != size - 1))
        return 200;
    if (client->first >= size)
        return 416;
    client->count = (last < size ? last + 1 : size) - client->first;
    return 206;
}

static void asked_status(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, step);
    uint64_t size = client->status.stx_size;
    char range[96] = "";

    if (result < 0 || !S_ISREG(client->status.stx_mode))
        return refuse(client, op->loop, "404 Not Found", "");
    int code = apply_range(client);
    if (code == 416) {
        snprintf(range, sizeof range, "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
        return refuse(client, op->loop, "416 Range Not Satisfiable", range);
    }
    if (code == 206)
        snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
                 (unsigned long long)client->first,
                 (unsigned long long)(client->first + client->count - 1), (unsigned long long)size);
    snprintf(client->out, sizeof client->out,
             "HTTP/1.1 %s\r\nContent-Length: %llu\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n"
             "%s%s\r\n",
             code == 206 ? "206 Partial Content" : "200 OK", (unsigned long long)client->count,
             type_of(client->path), range, client->ends ? "Connection: close\r\n" : "");
    if (client->is_head)
        client->count = 0;
    send_header(client, op->loop, client->count > 0 ? MSG_MORE : 0);
}

static void opened(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, step);

    if (result < 0)
        return refuse(client, op->loop, result == -EACCES ? "403 Forbidden" : "404 Not Found", "");
    client->file = (int)result;
    hark_statx(op->loop, op, client->file, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE,
               &client->status, asked_status);
}

/* --- the request --- */

/* Up to a blank, with %20 and the like as what they mean. Gives: whether it is a path below the
 * root: it is whoever fills the directory who decides where links in it lead. */
static bool take_path(struct client *client, const char *from)
{
    size_t at = 0;

    for (; *from != ' ' && *from != '?'; from++) {
        char byte = *from, digits[3] = "";
        if (byte == '%') {
            char *end;
            memcpy(digits, from + 1, 2);
            byte = (char)strtoul(digits, &end, 16);
            if (end != digits + 2)
                return false;
            from += 2;
        }
        if (byte == '\0' || at + sizeof "index.html" >= sizeof client->path)
            return false;
        client->path[at++] = byte;
    }
    client->path[at] = '\0';
    if (client->path[0] != '/' || client->path[1] == '/' || strstr(client->path, "/../") ||
        (at >= 3 && strcmp(client->path + at - 3, "/..") == 0))
        return false;
    if (client->path[at - 1] == '/')
        memcpy(client->path + at, "index.html", sizeof "index.html");
    return true;
}

/* The value of a header, in front of the end of its line; NULL: it is not there. */
static const char *find_header(const char *request, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strstr(request, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
            return line + 2 + length + 1 + strspn(line + 2 + length + 1, " \t");
    return NULL;
}

static void handle(struct client *client, struct hark_loop *loop)
{
    char *request = client->in, *line_end = strstr(request, "\r\n");
    const char *connection = find_header(request, "Connection");
    bool is_get = strncmp(request, "GET ", 4) == 0;

    client->is_head = strncmp(request, "HEAD ", 5) == 0;
    client->range = find_header(request, "Range");
    client->ends = connection && strncasecmp(connection, "close", 5) == 0;
    if (line_end - request < 10 || strncmp(line_end - 9, " HTTP/1.1", 9) != 0) {
        client->ends = true;
        return refuse(client, loop, "505 HTTP Version Not Supported", "");
    }
    if (!is_get && !client->is_head) {
        client->ends = true; /* it may have a body, which nobody reads */
        return refuse(client, loop, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
    }
    if (!take_path(client, request + (is_get ? 4 : 5)))
        return refuse(client, loop, "404 Not Found", "");
    /* A pipe with a name is not waited for. */
    hark_openat(loop, &client->step, root, client->path + 1, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0,
                opened);
}

/* --- a connection --- */

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct client, close));
}

static void client_close(struct client *client, struct hark_loop *loop)
{
    hark_close(loop, &client->close, client->fd, closed);
}

/* Whether all of a request has come; then what is behind it is another's. */
static bool has_request(struct client *client)
{
    client->in[client->have] = '\0';
    const char *end = strstr(client->in, "\r\n\r\n");
    if (!end || memchr(client->in, '\0', (size_t)(end - client->in)))
        return false;
    client->used = (size_t)(end - client->in) + 4;
    client->in[client->used - 2] = '\0'; /* in place of the empty line */
    return true;
}

static void received(struct hark_op *op, int64_t count)
{
    struct client *client = hark_container_of(op, struct client, step);

    if (count <= 0)
        return client_close(client, op->loop);
    client->have += (size_t)count;
    receive(client, op->loop);
}

static void receive(struct client *client, struct hark_loop *loop)
{
    if (has_request(client))
        return handle(client, loop);
    if (client->have == REQUEST_MAX) {
        client->ends = true;
        return refuse(client, loop, "431 Request Header Fields Too Large", "");
    }
    hark_recv(loop, &client->step, client->fd, client->in + client->have,
              REQUEST_MAX - client->have, 0, received);
    hark_op_deadline(&client->step, hark_now(loop) + PATIENCE);
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct client *client = calloc(1, sizeof *client);

    if (!client) {
        hark_os_close(listener->loop, fd);
        return;
    }
    client->fd = fd;
    client->file = -1;
    receive(client, listener->loop);
}

static const struct hark_listener_events listening = {.accepted = accepted};

int main(int count, char **arguments)
{
    static struct hark_listener listener;
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    root = open(count > 2 ? arguments[2] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        perror("26_static: cannot open the directory");
        return 1;
    }
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = hark_listener_open(loop, &listener, &address, 0, HARK_LISTEN_NO_DELAY,
                                    &listening)) < 0 ||
        (error = hark_listener_address(&listener, &address)) < 0) {
        fprintf(stderr, "26_static: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    error = hark_run(loop); /* until Ctrl-C; 09_signals.c shows a clean end */
    fprintf(stderr, "26_static: cannot run: %s\n", hark_error_text(error));
    return 1;
}
