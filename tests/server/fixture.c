/* fixture.c - see the header. */
#include "server/fixture.h"
#include "harness/sanitizer.h"

#include <netinet/in.h>
#include <sys/un.h>

uint32_t server_threads = 1;

void server_init(struct server *server, const char *name)
{
    const char *directory = harness_directory();
    const uint64_t hour_ns = UINT64_C(3600000000000);
    memset(server, 0, sizeof *server);
    serve_options_init(&server->options);
    snprintf(server->http, sizeof server->http, "unix:%s/%s.http", directory, name);
    snprintf(server->lines, sizeof server->lines, "unix:%s/%s.lines", directory, name);
    snprintf(server->data, sizeof server->data, "%s/%s.data", directory, name);
    snprintf(server->said, sizeof server->said, "%s/%s.said", directory, name);
    server->options.backend = harness_backend();
    server->options.threads = server_threads;
    server->options.data = server->data;
    /* No time-out comes by itself, however slow the machine: a test of one sets it. */
    server->options.broker.heartbeat_ns = hour_ns;
    server->options.connection.head_timeout_ns = hour_ns;
    server->options.connection.body_timeout_ns = hour_ns;
    server->options.connection.idle_timeout_ns = hour_ns;
    server->options.connection.stall_timeout_ns = hour_ns;
    server->options.shutdown_timeout_ns = (uint64_t)SERVER_WAIT_SECONDS * 1000000000U;
}

bool server_try(struct server *server)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever gives up on the test gives up on this, too */
        const char *http = server->http;
        const char *lines = server->lines;
        int said = open(server->said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        dup2(server->says_to ? server->says_to : said, STDERR_FILENO);
        close(ready[0]);
        server->options.http = &http;
        server->options.http_count = 1;
        server->options.lines = &lines;
        server->options.lines_count = lines[0] != '\0';
        server->options.ready_descriptor = ready[1];
        exit(serve_run(&server->options));
    }
    close(ready[1]);
    ssize_t count = read(ready[0], &byte, 1);
    close(ready[0]);
    return count == 1;
}

void server_wake(const struct server *server)
{
    struct hark_address address;
    if (hark_address_parse(server->http, &address) < 0)
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)connect(fd, &address.name.any, address.length);
    close(fd);
}

#if THREAD_SANITIZED
static void server_nudge(const struct server *server)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, server->pid, 0), .events = POLLIN};
    assert_true(end.fd >= 0);
    while (poll(&end, 1, 1000) == 0)
        server_wake(server);
    close(end.fd);
}
#endif

int server_wait(struct server *server)
{
    int status;
#if THREAD_SANITIZED
    server_nudge(server);
#endif
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int server_end(struct server *server, int number)
{
    kill(server->pid, number);
    return server_wait(server);
}

void server_stop(struct server *server)
{
    assert_int_equal(server_end(server, SIGTERM), 0);
}

uint64_t server_resident(const struct server *server)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)server->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

const char *server_said(const struct server *server)
{
    static char text[4096];
    int fd = open(server->said, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    close(fd);
    text[count > 0 ? count : 0] = '\0';
    return text;
}

void server_start(struct server *server)
{
    if (!server_try(server))
        fail_msg("the server did not start: %s", server_said(server));
}

void server_start_within(struct server *server, const struct connection_options *times)
{
    struct connection_options *own = &server->options.connection;
    server_init(server, "a");
    own->head_timeout_ns = connection_option(times->head_timeout_ns, own->head_timeout_ns);
    own->body_timeout_ns = connection_option(times->body_timeout_ns, own->body_timeout_ns);
    own->idle_timeout_ns = connection_option(times->idle_timeout_ns, own->idle_timeout_ns);
    own->stall_timeout_ns = connection_option(times->stall_timeout_ns, own->stall_timeout_ns);
    own->half_closed_ns = connection_option(times->half_closed_ns, own->half_closed_ns);
    server_start(server);
}

/* --- clients --- */

void client_open(struct client *client, const char *address)
{
    struct hark_address parsed;
    struct timeval limit = {.tv_sec = SERVER_WAIT_SECONDS};
    *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(client->fd >= 0);
    assert_int_equal(hark_address_parse(address, &parsed), 0);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(client->fd, &parsed.name.any, parsed.length), 0);
}

void client_open_tcp(struct client *client, const struct server *server)
{
    struct timeval limit = {.tv_sec = SERVER_WAIT_SECONDS};
    const char *said = strstr(server_said(server), "http on 127.0.0.1:");
    assert_non_null(said);
    struct sockaddr_in name = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(said + strlen("http on 127.0.0.1:"), NULL, 10)),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&name, sizeof name), 0);
}

void client_say(struct client *client, const char *address, const char *text)
{
    client_open(client, address);
    client_send(client, text);
}

void client_close(struct client *client)
{
    close(client->fd);
    free(client->bytes);
    *client = (struct client){.fd = -1};
}

void client_send_bytes(struct client *client, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t sent = send(client->fd, at, count, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        count -= (size_t)sent;
    }
}

void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

void client_send_many(struct client *client, const char *request, int count)
{
    size_t length = strlen(request);
    char *requests = malloc(length * (size_t)count);
    for (int i = 0; i < count; i++)
        memcpy(requests + (size_t)i * length, request, length);
    client_send_bytes(client, requests, length * (size_t)count);
    free(requests);
}

void client_try_send(struct client *client, const char *text)
{
    ssize_t sent = send(client->fd, text, strlen(text), MSG_NOSIGNAL);
    assert_true(sent == (ssize_t)strlen(text) || errno == EPIPE || errno == ECONNRESET);
}

bool client_receive(struct client *client)
{
    if (client->room - client->count < 65537) {
        client->room = client->room * 2 + 65537 * 2;
        client->bytes = realloc(client->bytes, client->room);
        assert_non_null(client->bytes);
    }
    ssize_t count = recv(client->fd, client->bytes + client->count, 65536, 0);
    if (count < 0 && errno != ECONNRESET)
        fail_msg("nothing came: %s; so far: %.*s", strerror(errno), (int)client->count,
                 client->bytes);
    if (count <= 0)
        return false;
    client->count += (size_t)count;
    client->bytes[client->count] = '\0';
    return true;
}

bool client_is_answered(const struct client *client, int wait_ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    return poll(&ready, 1, wait_ms) == 1;
}

char *client_await(struct client *client, const char *text)
{
    char *found = NULL;
    while (client->count == 0 ||
           !(found = memmem(client->bytes, client->count, text, strlen(text)))) {
        if (!client_receive(client))
            fail_msg("ended before \"%s\": %.*s", text, (int)client->count,
                     client->bytes ? client->bytes : "");
    }
    return found;
}

void client_await_end(struct client *client)
{
    while (client_receive(client))
        ;
}

void client_drop(struct client *client, size_t count)
{
    assert_true(count <= client->count);
    client->count -= count;
    memmove(client->bytes, client->bytes + count, client->count);
    if (client->bytes)
        client->bytes[client->count] = '\0';
}

const char *client_line(struct client *client)
{
    static char line[4096];
    size_t count = (size_t)(client_await(client, "\n") - client->bytes);
    assert_true(count < sizeof line);
    memcpy(line, client->bytes, count);
    line[count] = '\0';
    client_drop(client, count + 1);
    return line;
}

void server_begin(struct server *server, struct client *client)
{
    server_init(server, "a");
    server_start(server);
    client_open(client, server->http);
}

void server_finish(struct server *server, struct client *client)
{
    client_close(client);
    server_stop(server);
}

/* --- HTTP --- */

void response_done(struct response *response)
{
    free(response->body);
    response->body = NULL;
}

void client_response(struct client *client, bool with_body, struct response *out_response)
{
    size_t head = (size_t)(client_await(client, "\r\n\r\n") - client->bytes) + 4;
    assert_true(head < sizeof out_response->head);
    memcpy(out_response->head, client->bytes, head);
    out_response->head[head] = '\0';
    assert_int_equal(sscanf(out_response->head, "HTTP/1.1 %d ", &out_response->status), 1);
    const char *length = strstr(out_response->head, "Content-Length: ");
    out_response->count = length && with_body ? strtoul(length + 16, NULL, 10) : 0;
    while (client->count < head + out_response->count)
        assert_true(client_receive(client));
    out_response->body = malloc(out_response->count + 1);
    memcpy(out_response->body, client->bytes + head, out_response->count);
    out_response->body[out_response->count] = '\0';
    client_drop(client, head + out_response->count);
}

void client_expect_status(struct client *client, int status)
{
    struct response response;
    client_response(client, true, &response);
    if (response.status != status)
        fail_msg("instead of %d: %s%s", status, response.head, response.body);
    response_done(&response);
}

uint64_t client_post(struct client *client, const char *stream, const void *event, size_t count)
{
    char head[512];
    struct response response;
    unsigned long long id = 0;
    int written = snprintf(head, sizeof head,
                           "POST /streams/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                           stream, count);
    client_send_bytes(client, head, (size_t)written);
    client_send_bytes(client, event, count);
    client_response(client, true, &response);
    assert_int_equal(response.status, 201);
    assert_int_equal(sscanf(strstr(response.body, "\"id\":"), "\"id\":%llu}", &id), 1);
    response_done(&response);
    return id;
}

void client_make_streams(struct client *client, int count)
{
    enum { AT_ONCE = 100 };
    static char requests[AT_ONCE * 96];
    for (int made = 0; made < count; made += AT_ONCE) {
        size_t bytes = 0;
        for (int i = made; i < made + AT_ONCE; i++)
            bytes += (size_t)sprintf(
                requests + bytes,
                "POST /streams/s%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", i);
        client_send_bytes(client, requests, bytes);
        for (int i = 0; i < AT_ONCE; i++)
            client_expect_status(client, 201);
    }
}

char *client_get(struct client *client, const char *path)
{
    char head[512];
    struct response response;
    int written = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    client_send_bytes(client, head, (size_t)written);
    client_response(client, true, &response);
    assert_int_equal(response.status, 200);
    return response.body;
}

uint64_t client_stat(struct client *client, const char *section, const char *name)
{
    char key[64];
    char *body = client_get(client, "/stats");
    snprintf(key, sizeof key, "\"%s\":{", section);
    const char *at = strstr(body, key);
    assert_non_null(at);
    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(at, key);
    assert_non_null(at);
    uint64_t value = strtoull(at + strlen(key), NULL, 10);
    free(body);
    return value;
}

void client_subscribe(struct client *client, const char *address, const char *path,
                      const char *fields)
{
    char head[1024];
    client_open(client, address);
    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n%s\r\n",
             path, fields);
    client_send(client, head);
    size_t end = (size_t)(client_await(client, "\r\n\r\n") - client->bytes) + 4;
    assert_memory_equal(client->bytes, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(client->bytes, "Content-Type: text/event-stream\r\n"));
    client_drop(client, end);
}

uint64_t client_follow(struct client *client, const struct server *server, const char *path,
                       const char *fields)
{
    client_subscribe(client, server->http, path, fields);
    return client_position(client);
}

char *client_block(struct client *client)
{
    size_t count = (size_t)(client_await(client, "\n\n") - client->bytes);
    char *block = malloc(count + 1);
    memcpy(block, client->bytes, count);
    block[count] = '\0';
    client_drop(client, count + 2);
    return block;
}

void client_expect(struct client *client, const char *expected)
{
    char *block = client_block(client);
    assert_string_equal(block, expected);
    free(block);
}

uint64_t client_position(struct client *client)
{
    unsigned long long id = 0;
    client_expect(client, "retry: 2000");
    char *block = client_block(client);
    assert_int_equal(sscanf(block, "event: position\nid: %llu\ndata:", &id), 1);
    free(block);
    return id;
}

uint64_t client_expect_gap(struct client *client, uint64_t after)
{
    unsigned long long told = 0, first = 0;
    char *block = client_block(client);
    if (sscanf(block, "event: gap\ndata: {\"after\":\"%llu\",\"first\":\"%llu\"}", &told, &first) !=
            2 ||
        told != after)
        fail_msg("no gap after %llu: %s", (unsigned long long)after, block);
    free(block);
    return first;
}
