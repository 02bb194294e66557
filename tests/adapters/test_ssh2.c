/* test_ssh2.c - libssh2's calls as steps of the loop, with a real sshd: commands, a hundred
 * thousand reads and writes, files by SFTP, deadlines, cancels, servers that go away, sessions that
 * come one after the other. */
#include "adapters/numbers.h"
#include "adapters/sshd.h"
#include "hark/adapters/ssh2.h"

#include <libssh2_sftp.h>
#include <stdlib.h>
#include <string.h>

/* --- a client --- */

struct client {
    struct hark_ssh2 ssh;
    const struct sshd *sshd;
    pid_t pid; /* of its server */
    LIBSSH2_CHANNEL *channel;
    LIBSSH2_SFTP *sftp;
    LIBSSH2_SFTP_HANDLE *handle;
    const char *key, *command, *path;
    char *bytes; /* that are sent, or have come */
    size_t count, room;
    unsigned long flags;
    bool ended;
    int calls, error;
    long result;
    void (*then)(struct client *client);
};

static struct client *client_of(struct hark_ssh2 *ssh)
{
    return hark_container_of(ssh, struct client, ssh);
}

static void step_done(struct hark_ssh2 *ssh, int error, long result)
{
    struct client *client = client_of(ssh);
    assert_false(client->ended);
    client->ended = true;
    client->calls++;
    client->error = error;
    client->result = result;
    if (client->then)
        client->then(client);
}

static void start(struct client *client, hark_ssh2_step *step, uint64_t deadline_ns)
{
    client->ended = false;
    assert_int_equal(hark_ssh2_start(&client->ssh, step, deadline_ns, step_done), 0);
    assert_false(client->ended);
}

/* Runs a step to its end. Gives: its result. */
static long call(struct client *client, hark_ssh2_step *step)
{
    start(client, step, HARK_NEVER);
    harness_run(client->ssh.loop); /* nothing else is in it */
    assert_true(client->ended);
    assert_result(client->error, 0);
    return client->result;
}

/* --- steps --- */

static long shake_hands(struct hark_ssh2 *ssh)
{
    return libssh2_session_handshake(ssh->session, ssh->fd);
}

static long show_key(struct hark_ssh2 *ssh)
{
    const struct client *client = client_of(ssh);
    char public_key[300];
    snprintf(public_key, sizeof public_key, "%s.pub", client->key);
    return libssh2_userauth_publickey_fromfile(ssh->session, client->sshd->user, public_key,
                                               client->key, NULL);
}

static long open_channel(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    client->channel = libssh2_channel_open_session(ssh->session);
    return client->channel ? 0 : libssh2_session_last_errno(ssh->session);
}

static long execute(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    return libssh2_channel_exec(client->channel, client->command);
}

static long read_channel(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    return libssh2_channel_read(client->channel, client->bytes + client->count,
                                client->room - client->count);
}

static long write_channel(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    return libssh2_channel_write(client->channel, client->bytes + client->count,
                                 client->room - client->count);
}

static long end_writing(struct hark_ssh2 *ssh)
{
    return libssh2_channel_send_eof(client_of(ssh)->channel);
}

static long close_channel(struct hark_ssh2 *ssh)
{
    return libssh2_channel_close(client_of(ssh)->channel);
}

static long disconnect(struct hark_ssh2 *ssh)
{
    return libssh2_session_disconnect(ssh->session, "bye");
}

/* --- sessions --- */

static void client_connect(struct hark_loop *loop, struct client *client, const struct sshd *sshd)
{
    int fd = sshd_connect(loop, sshd, &client->pid);
    numbers_note(fd);
    client->sshd = sshd;
    if (!client->key)
        client->key = sshd->key;
    assert_int_equal(hark_ssh2_open(loop, &client->ssh, libssh2_session_init(), fd), 0);
    assert_int_equal(call(client, shake_hands), 0);
}

static void client_begin(struct hark_loop *loop, struct client *client, const struct sshd *sshd)
{
    client_connect(loop, client, sshd);
    assert_int_equal(call(client, show_key), 0);
}

static void client_execute(struct client *client, const char *command)
{
    client->command = command;
    assert_int_equal(call(client, open_channel), 0);
    assert_int_equal(call(client, execute), 0);
}

static void client_end(struct client *client)
{
    assert_int_equal(call(client, disconnect), 0);
    hark_ssh2_free(&client->ssh);
    sshd_wait(client->pid);
}

/* Reads to the end of what the command says. */
static void read_all(struct client *client, char *into, size_t room)
{
    client->bytes = into;
    client->count = 0;
    client->room = room - 1;
    for (long count = 1; count > 0; client->count += (size_t)count) {
        count = call(client, read_channel);
        assert_true(count >= 0);
    }
    into[client->count] = '\0';
}

/* --- commands --- */

BACKEND_TEST(command_runs_and_its_words_and_exit_code_come)
{
    struct sshd sshd;
    struct client client = {0};
    char said[256];
    sshd_make(&sshd);
    client_begin(loop, &client, &sshd);
    client_execute(&client, "echo first; echo second; exit 7");
    read_all(&client, said, sizeof said);
    assert_string_equal(said, "first\nsecond\n");
    assert_int_equal(call(&client, close_channel), 0);
    assert_int_equal(libssh2_channel_get_exit_status(client.channel), 7);
    client_end(&client);
    harness_run(loop);
}

enum { OPERATIONS = 100000, AT_ONCE = 50, LINE = 100 };

/* Sends some lines, then has them back, each by one call of libssh2's or more. */
static void talk(struct client *client, char *sent, char *came)
{
    client->bytes = sent;
    for (client->count = client->room = 0; client->room < AT_ONCE * LINE;) {
        client->room += client->room == client->count ? LINE : 0;
        long count = call(client, write_channel);
        assert_true(count > 0);
        client->count += (size_t)count;
    }
    client->bytes = came;
    for (client->count = client->room = 0; client->count < AT_ONCE * LINE;) {
        client->room += client->room == client->count ? LINE : 0;
        long count = call(client, read_channel);
        assert_true(count > 0);
        client->count += (size_t)count;
    }
    assert_memory_equal(sent, came, AT_ONCE * LINE);
}

BACKEND_TEST(hundred_thousand_reads_and_writes_go_through_one_channel)
{
    static char sent[AT_ONCE * LINE], came[AT_ONCE * LINE];
    struct sshd sshd;
    struct client client = {0};
    sshd_make(&sshd);
    client_begin(loop, &client, &sshd);
    client_execute(&client, "cat");
    for (int round = 0; client.calls < OPERATIONS; round++) {
        harness_fill(sent, sizeof sent, (uint64_t)round);
        talk(&client, sent, came);
    }
    assert_int_equal(call(&client, end_writing), 0);
    read_all(&client, came, sizeof came);
    assert_int_equal(client.count, 0);
    client_end(&client);
    harness_run(loop);
}

BACKEND_TEST(session_after_session_has_the_same_number)
{
    enum { SESSIONS = 10 };
    struct sshd sshd;
    char said[64];
    sshd_make(&sshd);
    for (int i = 0; i < SESSIONS; i++) {
        struct client client = {0};
        client_begin(loop, &client, &sshd);
        client_execute(&client, "echo here");
        read_all(&client, said, sizeof said);
        assert_string_equal(said, "here\n");
        client_end(&client);
    }
    assert_int_equal(numbers_again, SESSIONS - 1);
    harness_run(loop);
}

/* --- files --- */

enum { FILE_BYTES = 3000000 };

static long begin_sftp(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    client->sftp = libssh2_sftp_init(ssh->session);
    return client->sftp ? 0 : libssh2_session_last_errno(ssh->session);
}

static long open_file(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    client->handle =
        libssh2_sftp_open_ex(client->sftp, client->path, (unsigned)strlen(client->path),
                             client->flags, 0600, LIBSSH2_SFTP_OPENFILE);
    return client->handle ? 0 : libssh2_session_last_errno(ssh->session);
}

static long write_file(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    return libssh2_sftp_write(client->handle, client->bytes + client->count,
                              client->room - client->count);
}

static long read_file(struct hark_ssh2 *ssh)
{
    struct client *client = client_of(ssh);
    return libssh2_sftp_read(client->handle, client->bytes + client->count,
                             client->room - client->count);
}

static long close_file(struct hark_ssh2 *ssh)
{
    return libssh2_sftp_close(client_of(ssh)->handle);
}

static long end_sftp(struct hark_ssh2 *ssh)
{
    return libssh2_sftp_shutdown(client_of(ssh)->sftp);
}

/* One direction: from bytes into the file, or the other way. */
static void move_file(struct client *client, hark_ssh2_step *step, unsigned long flags)
{
    client->flags = flags;
    assert_int_equal(call(client, open_file), 0);
    for (client->count = 0; client->count < FILE_BYTES;) {
        long count = call(client, step);
        assert_true(count > 0);
        client->count += (size_t)count;
    }
    assert_int_equal(call(client, close_file), 0);
}

BACKEND_TEST(file_is_written_and_read_by_sftp)
{
    struct sshd sshd;
    struct client client = {.bytes = malloc(FILE_BYTES), .room = FILE_BYTES};
    sshd_make(&sshd);
    client.path = harness_path("file");
    client_begin(loop, &client, &sshd);
    assert_int_equal(call(&client, begin_sftp), 0);
    harness_fill(client.bytes, FILE_BYTES, 5);
    move_file(&client, write_file, LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT);
    memset(client.bytes, 0, FILE_BYTES);
    move_file(&client, read_file, LIBSSH2_FXF_READ);
    assert_true(harness_filled(client.bytes, FILE_BYTES, 5));
    assert_int_equal(call(&client, end_sftp), 0);
    client_end(&client);
    harness_run(loop);
    free(client.bytes);
}

/* --- what is given up, and what goes wrong --- */

static void begin_to_wait(struct hark_loop *loop, struct client *client, const struct sshd *sshd,
                          char *bytes, size_t room)
{
    client_begin(loop, client, sshd);
    client_execute(client, "exec sleep 100000");
    client->bytes = bytes;
    client->count = 0;
    client->room = room;
}

BACKEND_TEST(read_that_brings_nothing_ends_with_its_deadline_and_can_be_asked_for_again)
{
    struct sshd sshd;
    struct client client = {0};
    char bytes[16];
    sshd_make(&sshd);
    begin_to_wait(loop, &client, &sshd, bytes, sizeof bytes);
    for (int i = 0; i < 3; i++) {
        start(&client, read_channel, hark_os_clock(loop) + 10000000);
        assert_int_equal(hark_ssh2_start(&client.ssh, read_channel, HARK_NEVER, step_done), -EBUSY);
        harness_run(loop);
        assert_true(client.ended);
        assert_result(client.error, -ETIMEDOUT);
    }
    harness_assert_idle(loop);
    sshd_kill(client.pid);
    assert_true(call(&client, read_channel) < 0); /* in the middle of it the connection is gone */
    hark_ssh2_free(&client.ssh);
    harness_run(loop);
}

BACKEND_TEST(step_that_is_cancelled_ends_in_a_later_turn_and_the_session_is_freed_there)
{
    struct sshd sshd;
    struct client client = {0};
    char bytes[16];
    sshd_make(&sshd);
    begin_to_wait(loop, &client, &sshd, bytes, sizeof bytes);
    hark_ssh2_cancel(&client.ssh); /* nothing is under way */
    start(&client, read_channel, HARK_NEVER);
    hark_ssh2_cancel(&client.ssh); /* before its first call */
    harness_run(loop);
    assert_result(client.error, -ECANCELED);
    start(&client, read_channel, HARK_NEVER);
    harness_settle(loop);
    assert_false(client.ended);
    hark_ssh2_cancel(&client.ssh);
    assert_false(client.ended);
    harness_run(loop);
    assert_true(client.ended);
    assert_result(client.error, -ECANCELED);
    hark_ssh2_free(&client.ssh);
    sshd_kill(client.pid);
}

static void free_it(struct client *client)
{
    hark_ssh2_free(&client->ssh);
}

BACKEND_TEST(server_that_dies_ends_the_step_and_the_session_may_be_freed_in_it)
{
    struct sshd sshd;
    struct client client = {0};
    char bytes[16];
    sshd_make(&sshd);
    begin_to_wait(loop, &client, &sshd, bytes, sizeof bytes);
    client.then = free_it;
    start(&client, read_channel, HARK_NEVER);
    harness_settle(loop);
    sshd_kill(client.pid);
    harness_run(loop);
    assert_true(client.ended);
    assert_result(client.error, 0);
    assert_true(client.result < 0);
    assert_null(client.ssh.session);
}

BACKEND_TEST(stranger_is_not_let_in)
{
    struct sshd sshd;
    struct client client = {0};
    sshd_make(&sshd);
    client.key = sshd.strange_key;
    client_connect(loop, &client, &sshd);
    long refused = call(&client, show_key);
    assert_true(refused == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
                refused == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED);
    client_end(&client);
    harness_run(loop);
}

BACKEND_TEST(session_without_memory_is_refused_and_its_socket_left)
{
    struct hark_ssh2 ssh = {0};
    int pair[2];
    harness_tcp_pair(loop, pair);
    assert_int_equal(hark_ssh2_open(loop, &ssh, NULL, pair[0]), -ENOMEM);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}
