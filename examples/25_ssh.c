/* 25_ssh.c - runs a command on another machine, with libssh2, and prints what it says.
 *
 * Shows: each call of libssh2's is a step, which the loop makes again when the socket is ready, as
 * long as it would block; its end starts the next. The server's key has to stand in a file of known
 * hosts; the whole has ten seconds. The exit code is the command's.
 *
 * Try:   ./25_ssh 127.0.0.1:22 "$USER" ~/.ssh/id_ed25519 ~/.ssh/known_hosts 'uname -a'
 */
#include "hark.h"
#include "hark/adapters/ssh2.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct client {
    struct hark_ssh2 ssh;
    struct hark_op connect;
    struct hark_address address;
    int fd;
    const char *where, *user, *key, *known_hosts, *command;
    LIBSSH2_CHANNEL *channel;
    char bytes[4096];
    uint64_t deadline_ns;
    int code; /* of the program's end */
} client;

/* --- what is done, in this order --- */

static long shake_hands(struct hark_ssh2 *ssh)
{
    return libssh2_session_handshake(ssh->session, ssh->fd);
}

/* Asks nobody: a step that never has to wait. */
static long check_host(struct hark_ssh2 *ssh)
{
    LIBSSH2_KNOWNHOSTS *hosts = libssh2_knownhost_init(ssh->session);
    char host[HARK_ADDRESS_TEXT_MAX];
    size_t length;
    int type, found = LIBSSH2_KNOWNHOST_CHECK_FAILURE;
    const char *key = libssh2_session_hostkey(ssh->session, &length, &type);
    char *colon;

    snprintf(host, sizeof host, "%s", client.where);
    colon = strrchr(host, ':');
    if (hosts && key && colon &&
        libssh2_knownhost_readfile(hosts, client.known_hosts, LIBSSH2_KNOWNHOST_FILE_OPENSSH) > 0) {
        *colon = '\0';
        found = libssh2_knownhost_checkp(
            hosts, host, atoi(colon + 1), key, length,
            LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW, NULL);
    }
    if (hosts)
        libssh2_knownhost_free(hosts);
    return found == LIBSSH2_KNOWNHOST_CHECK_MATCH ? 0 : LIBSSH2_ERROR_KNOWN_HOSTS;
}

static long show_key(struct hark_ssh2 *ssh)
{
    char public_key[4096];

    snprintf(public_key, sizeof public_key, "%s.pub", client.key);
    return libssh2_userauth_publickey_fromfile(ssh->session, client.user, public_key, client.key,
                                               NULL);
}

static long open_channel(struct hark_ssh2 *ssh)
{
    client.channel = libssh2_channel_open_session(ssh->session);
    return client.channel ? 0 : libssh2_session_last_errno(ssh->session);
}

static long execute(struct hark_ssh2 *ssh)
{
    (void)ssh;
    return libssh2_channel_exec(client.channel, client.command);
}

static long print_all(struct hark_ssh2 *ssh)
{
    long count;

    (void)ssh;
    while ((count = libssh2_channel_read(client.channel, client.bytes, sizeof client.bytes)) > 0)
        (void)fwrite(client.bytes, 1, (size_t)count, stdout);
    return count;
}

static long close_channel(struct hark_ssh2 *ssh)
{
    (void)ssh;
    return libssh2_channel_close(client.channel);
}

static long disconnect(struct hark_ssh2 *ssh)
{
    client.code = libssh2_channel_get_exit_status(client.channel);
    return libssh2_session_disconnect(ssh->session, "done");
}

static const struct {
    const char *what;
    hark_ssh2_step *step;
} steps[] = {
    {"shake hands", shake_hands}, {"trust the host", check_host},
    {"log in", show_key},         {"open a channel", open_channel},
    {"run the command", execute}, {"read what it says", print_all},
    {"close", close_channel},     {"disconnect", disconnect},
};
static size_t at; /* the step that is under way */

static void next(struct hark_ssh2 *ssh, int error, long result)
{
    const char *why = hark_error_text(error);

    if (error == 0 && result == 0 && ++at < sizeof steps / sizeof steps[0]) {
        hark_ssh2_start(ssh, steps[at].step, client.deadline_ns, next);
        return;
    }
    if (error == 0 && result < 0)
        libssh2_session_last_error(ssh->session, (char **)(uintptr_t)&why, NULL, 0);
    if (error < 0 || result < 0) {
        fprintf(stderr, "25_ssh: cannot %s: %s\n", steps[at].what,
                why && why[0] ? why : "it is not what was expected");
        client.code = 255;
    }
    hark_ssh2_free(ssh);
}

/* --- the connection --- */

static void connected(struct hark_op *op, int64_t result)
{
    int error = result < 0
                    ? (int)result
                    : hark_ssh2_open(op->loop, &client.ssh, libssh2_session_init(), client.fd);

    if (error < 0) {
        fprintf(stderr, "25_ssh: cannot connect to %s: %s\n", client.where, hark_error_text(error));
        client.code = 255;
        hark_os_close(op->loop, client.fd);
        return;
    }
    hark_ssh2_start(&client.ssh, steps[0].step, client.deadline_ns, next);
}

static int begin(struct hark_loop *loop)
{
    int error = hark_address_parse(client.where, &client.address);

    if (error == 0)
        error = client.fd = hark_os_socket(loop, client.address.name.any.sa_family, SOCK_STREAM, 0);
    if (error < 0) {
        fprintf(stderr, "25_ssh: cannot connect to %s: %s\n", client.where, hark_error_text(error));
        return error;
    }
    client.deadline_ns = hark_os_clock(loop) + 10 * SECOND;
    hark_connect(loop, &client.connect, client.fd, &client.address.name.any, client.address.length,
                 connected);
    hark_op_deadline(&client.connect, client.deadline_ns);
    return hark_run(loop);
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    if (count != 6) {
        fprintf(stderr, "usage: 25_ssh ADDRESS:PORT USER KEY KNOWN_HOSTS COMMAND\n");
        return 2;
    }
    client.where = arguments[1];
    client.user = arguments[2];
    client.key = arguments[3];
    client.known_hosts = arguments[4];
    client.command = arguments[5];
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "25_ssh: cannot make a loop: %s\n", hark_error_text(error));
        return 255;
    }
    error = begin(loop);
    hark_loop_destroy(loop);
    libssh2_exit();
    return error < 0 ? 255 : client.code;
}
