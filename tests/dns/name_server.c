/* name_server.c - see the header. */
#include "dns/name_server.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { HEAD = 12, TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, LOT = 40 };

struct asker {
    struct peer peer;
    unsigned char bytes[2 + NAME_SERVER_MESSAGE_MAX];
    size_t count;
};

struct answer {
    unsigned char *bytes;
    size_t count;
};

/* --- an answer --- */

static void put(struct answer *answer, const void *bytes, size_t count)
{
    memcpy(answer->bytes + answer->count, bytes, count);
    answer->count += count;
}

static void put_number(struct answer *answer, unsigned number)
{
    const unsigned char bytes[] = {(unsigned char)(number >> 8), (unsigned char)number};
    put(answer, bytes, sizeof bytes);
}

/* Takes: owner: where its name stands in the message. Gives: where its data stands. */
static size_t put_record(struct answer *answer, size_t owner, unsigned type, const void *data,
                         size_t count)
{
    put_number(answer, 0xc000u | (unsigned)owner);
    put_number(answer, type);
    put_number(answer, 1); /* IN */
    put_number(answer, 0);
    put_number(answer, 60);
    put_number(answer, (unsigned)count);
    put(answer, data, count);
    answer->bytes[7]++;
    return answer->count - count;
}

static void put_address(struct answer *answer, size_t owner, unsigned type)
{
    static const unsigned char local_4[] = {127, 0, 0, 1}, local_6[16] = {[15] = 1};
    if (type == TYPE_A)
        put_record(answer, owner, type, local_4, sizeof local_4);
    else if (type == TYPE_AAAA)
        put_record(answer, owner, type, local_6, sizeof local_6);
}

static size_t put_alias(struct answer *answer, size_t owner, const char *label)
{
    unsigned char name[64] = {(unsigned char)strlen(label)};
    size_t length = name[0];
    memcpy(name + 1, label, length);
    return put_record(answer, owner, TYPE_CNAME, name, length + 2);
}

/* --- a question --- */

/* Reads the name. Gives: where the question ends. */
static size_t read_question(const unsigned char *question, size_t count, char name[256],
                            unsigned *out_type)
{
    size_t at = HEAD, length = 0;
    while (at < count && question[at]) {
        size_t label = question[at++];
        assert_true(at + label < count && length + label + 1 < 256);
        memcpy(name + length, question + at, label);
        length += label;
        name[length++] = '.';
        at += label;
    }
    name[length ? length - 1 : 0] = '\0';
    assert_true(at + 5 <= count);
    *out_type = (unsigned)(question[at + 1] << 8 | question[at + 2]);
    return at + 5;
}

static bool is(const char *name, const char *what)
{
    size_t length = strlen(name), own = strlen(what);
    return length >= own && strcasecmp(name + length - own, what) == 0 &&
           (length == own || name[length - own - 1] == '.');
}

static int code_of(const char *name)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {
        {"formerr.test", 1}, {"servfail.test", 2}, {"notimp.test", 4}, {"refused.test", 5}};
    static const char *const known[] = {
        "both.test",    "four.test",        "six.test",        "twice.test",    "many.test",
        "drop.test",    "cut.test",         "chain.test",      "nowhere.test",  "noise.test",
        "garbage.test", "silent-four.test", "silent-six.test", "slow-six.test", "six-last.test"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (is(name, codes[i].name))
            return codes[i].code;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (is(name, known[i]))
            return 0;
    return 3;
}

static void put_answers(struct answer *answer, const char *name, unsigned type)
{
    if (is(name, "four.test") || is(name, "twice.test")) {
        put_address(answer, HEAD, type == TYPE_A ? type : 0);
        put_address(answer, HEAD, type == TYPE_A && is(name, "twice.test") ? type : 0);
    } else if (is(name, "six.test")) {
        put_address(answer, HEAD, type == TYPE_AAAA ? type : 0);
    } else if (is(name, "many.test")) {
        for (unsigned char i = 0; i < LOT && type == TYPE_A; i++)
            put_record(answer, HEAD, type, (const unsigned char[]){10, 0, 0, i}, 4);
    } else if (is(name, "chain.test")) {
        size_t owner = put_alias(answer, HEAD, "another");
        put_address(answer, put_alias(answer, owner, "last"), type);
    } else if (is(name, "nowhere.test")) {
        put_alias(answer, HEAD, "another");
    } else if (code_of(name) == 0) {
        put_address(answer, HEAD, type);
    }
    if (is(name, "garbage.test"))
        answer->count -= 3;
}

/* Gives: the length of the answer; 0: none. */
static size_t make_answer(struct name_server *server, const unsigned char *question, size_t count,
                          bool udp, unsigned char *bytes, char name[256], unsigned *out_type)
{
    struct answer answer = {bytes, read_question(question, count, name, out_type)};
    strcpy(server->last, name);
    if (!server->first[0])
        strcpy(server->first, name);
    memcpy(bytes, question, answer.count);
    memset(bytes + 6, 0, 6);
    bytes[2] = 0x85; /* a response, with authority; recursion was asked for */
    bytes[3] = (unsigned char)(0x80 | code_of(name));
    if (is(name, "silent.test") || (is(name, "silent-four.test") && *out_type == TYPE_A) ||
        (is(name, "silent-six.test") && *out_type == TYPE_AAAA))
        return 0;
    if (udp && (is(name, "many.test") || is(name, "drop.test") || is(name, "cut.test")))
        bytes[2] |= 2;
    else
        put_answers(&answer, name, *out_type);
    return answer.count;
}

/* --- UDP --- */

static void say(struct name_server *server, const void *bytes, size_t count,
                const struct sockaddr_in *to)
{
    if (count > 0) /* one that is lost is asked for again */
        (void)sendto(server->fd, bytes, count, 0, (const struct sockaddr *)to, sizeof *to);
}

static void make_noise(struct name_server *server, const unsigned char *bytes, size_t count)
{
    unsigned char another[NAME_SERVER_MESSAGE_MAX];
    memcpy(another, bytes, count);
    another[1] ^= 0xff; /* of a question that nobody has asked */
    another[3] |= 3;
    say(server, another, count, &server->from);
    say(server, bytes, 5, &server->from);
    memset(another, 0xff, HEAD);
    say(server, another, count, &server->from);
}

void name_server_tell(struct name_server *server)
{
    assert_true(server->kept_count > 0);
    say(server, server->kept, server->kept_count, &server->kept_for);
    server->kept_count = 0;
}

static void received(struct hark_op *op, int64_t result)
{
    struct name_server *server = hark_container_of(op, struct name_server, receive);
    unsigned char bytes[NAME_SERVER_MESSAGE_MAX];
    char name[256];
    unsigned type;
    if (server->is_ending)
        return;
    if (result == -ECANCELED) { /* with all ops of the loop: it goes on */
        hark_recvmsg(op->loop, op, server->fd, &server->message, 0, received);
        return;
    }
    if (result <= HEAD)
        fail_msg("the server received %s", hark_error_name(result));
    server->udp_questions++;
    size_t count = make_answer(server, server->question, (size_t)result, true, bytes, name, &type);
    if (is(name, "noise.test"))
        make_noise(server, bytes, count);
    if (type == TYPE_AAAA && (is(name, "slow-six.test") || is(name, "six-last.test"))) {
        memcpy(server->kept, bytes, count);
        server->kept_count = count;
        server->kept_for = server->from;
    } else {
        say(server, bytes, count, &server->from);
        if (is(name, "six-last.test") && server->kept_count > 0)
            name_server_tell(server);
    }
    server->message.msg_namelen = sizeof server->from;
    hark_recvmsg(op->loop, op, server->fd, &server->message, 0, received);
}

/* --- TCP: each message behind its length --- */

static void asked(struct asker *asker, size_t count)
{
    unsigned char bytes[2 + NAME_SERVER_MESSAGE_MAX];
    char name[256];
    unsigned type;
    struct name_server *server = hark_container_of(asker->peer.peers, struct name_server, peers);
    server->tcp_questions++;
    size_t length = make_answer(server, asker->bytes + 2, count, false, bytes + 2, name, &type);
    bytes[0] = (unsigned char)(length >> 8);
    bytes[1] = (unsigned char)length;
    if (is(name, "drop.test"))
        hark_stream_close(&asker->peer.stream);
    else if (length > 0)
        (void)hark_stream_write(&asker->peer.stream, bytes,
                                2 + (is(name, "cut.test") ? length / 2 : length));
    if (is(name, "cut.test"))
        hark_stream_close_after_sending(&asker->peer.stream);
}

static void came(struct peer *peer, const void *bytes, size_t count)
{
    struct asker *asker = hark_container_of(peer, struct asker, peer);
    for (size_t i = 0; i < count; i++) {
        assert_true(asker->count < sizeof asker->bytes);
        asker->bytes[asker->count++] = ((const unsigned char *)bytes)[i];
        size_t length = (size_t)asker->bytes[0] << 8 | asker->bytes[1];
        if (asker->count > 2 && asker->count == 2 + length) {
            asker->count = 0;
            asked(asker, length);
        }
    }
}

/* --- both --- */

void name_server_start(struct hark_loop *loop, struct name_server *server)
{
    struct hark_address address;
    *server = (struct name_server){0};
    server->fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_true(server->fd >= 0);
    for (;;) { /* until the port that TCP has been given is free for UDP as well */
        peers_start(loop, &server->peers, sizeof(struct asker), came);
        snprintf(server->text, sizeof server->text, "127.0.0.1:%u", server->peers.port);
        assert_int_equal(hark_address_parse(server->text, &address), 0);
        int error = hark_os_bind(loop, server->fd, &address);
        if (error == 0)
            break;
        assert_int_equal(error, -EADDRINUSE);
        peers_end(&server->peers);
        harness_run(loop);
    }
    server->vector = (struct iovec){server->question, sizeof server->question};
    server->message = (struct msghdr){.msg_iov = &server->vector,
                                      .msg_iovlen = 1,
                                      .msg_name = &server->from,
                                      .msg_namelen = sizeof server->from};
    hark_recvmsg(loop, &server->receive, server->fd, &server->message, 0, received);
}

static void is_closed(struct hark_op *op, int64_t result)
{
    (void)op;
    assert_int_equal(result, 0);
}

void name_server_end(struct hark_loop *loop, struct name_server *server)
{
    server->is_ending = true;
    hark_close(loop, &server->close, server->fd, is_closed);
    peers_end(&server->peers);
}
