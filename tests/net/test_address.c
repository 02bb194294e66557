/* hark_address_parse and hark_address_format: numbers and paths, to and from text. */
#include "harness/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Reads the text, and asserts that it is written back as `expected`. */
static struct hark_address parsed(const char *text, const char *expected)
{
    struct hark_address address;
    char written[HARK_ADDRESS_TEXT_MAX];
    memset(&address, 0xa5, sizeof address);
    assert_result(hark_address_parse(text, &address), 0);
    assert_string_equal(hark_address_format(&address, written, sizeof written), expected);
    return address;
}

TEST(address_of_ip4_is_read_and_written)
{
    struct hark_address address = parsed("127.0.0.1:80", "127.0.0.1:80");
    assert_int_equal(address.length, sizeof(struct sockaddr_in));
    assert_int_equal(address.name.ip4.sin_family, AF_INET);
    assert_int_equal(ntohs(address.name.ip4.sin_port), 80);
    assert_int_equal(ntohl(address.name.ip4.sin_addr.s_addr), INADDR_LOOPBACK);
    parsed("0.0.0.0:0", "0.0.0.0:0");
    parsed("255.255.255.255:65535", "255.255.255.255:65535");
    parsed("10.0.0.1:0080", "10.0.0.1:80");
}

TEST(address_of_ip6_is_read_and_written)
{
    struct hark_address address = parsed("[::1]:12345", "[::1]:12345");
    assert_int_equal(address.length, sizeof(struct sockaddr_in6));
    assert_int_equal(address.name.ip6.sin6_family, AF_INET6);
    assert_int_equal(ntohs(address.name.ip6.sin6_port), 12345);
    assert_true(IN6_IS_ADDR_LOOPBACK(&address.name.ip6.sin6_addr));
    assert_int_equal(address.name.ip6.sin6_scope_id, 0);
    assert_int_equal(address.name.ip6.sin6_flowinfo, 0);
    parsed("[2001:0DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1");
    parsed("[::ffff:10.1.2.3]:1", "[::ffff:10.1.2.3]:1");
    address = parsed("[fe80::1%2]:80", "[fe80::1%2]:80");
    assert_int_equal(address.name.ip6.sin6_scope_id, 2);
}

TEST(address_without_host_is_every_address)
{
    struct hark_address address = parsed(":80", "[::]:80");
    assert_int_equal(address.name.any.sa_family, AF_INET6);
    assert_true(IN6_IS_ADDR_UNSPECIFIED(&address.name.ip6.sin6_addr));
    parsed("*:0", "[::]:0");
    parsed("[::]:80", "[::]:80");
}

TEST(address_of_unix_path_is_read_and_written)
{
    struct hark_address address = parsed("unix:/run/hark.sock", "unix:/run/hark.sock");
    assert_int_equal(address.name.unix_path.sun_family, AF_UNIX);
    assert_string_equal(address.name.unix_path.sun_path, "/run/hark.sock");
    assert_int_equal(address.length,
                     offsetof(struct sockaddr_un, sun_path) + sizeof("/run/hark.sock"));
    parsed("unix:relative", "unix:relative");
    parsed("unix:/with:colon:80", "unix:/with:colon:80");
}

TEST(address_of_abstract_name_is_read_and_written)
{
    struct hark_address address = parsed("unix:@hark", "unix:@hark");
    assert_int_equal(address.name.unix_path.sun_path[0], '\0');
    assert_memory_equal(address.name.unix_path.sun_path + 1, "hark", 4);
    assert_int_equal(address.length, offsetof(struct sockaddr_un, sun_path) + 5);
}

TEST(address_of_longest_names_fits_and_one_more_is_refused)
{
    struct hark_address address;
    char text[200] = "unix:/";
    char written[HARK_ADDRESS_TEXT_MAX];
    size_t room = sizeof address.name.unix_path.sun_path;
    memset(text + 6, 'p', room - 2); /* with the slash: room - 1 characters, and the NUL */
    assert_result(hark_address_parse(text, &address), 0);
    assert_string_equal(hark_address_format(&address, written, sizeof written), text);
    text[strlen(text)] = 'p';
    assert_result(hark_address_parse(text, &address), -EINVAL);
    text[5] = '@'; /* an abstract name has no NUL: it fits */
    assert_result(hark_address_parse(text, &address), 0);
    assert_string_equal(hark_address_format(&address, written, sizeof written), text);
    text[strlen(text)] = 'p';
    assert_result(hark_address_parse(text, &address), -EINVAL);
}

TEST(address_that_is_none_is_refused_and_leaves_output)
{
    static const char *const wrong[] = {
        "",
        "80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:80 ",
        "127.0.0.1: 80",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4:65536",
        "1.2.3.4:99999999999999999999",
        "1.2.3:80",
        "1.2.3.4.5:80",
        "256.0.0.1:80",
        "localhost:80",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "[::g]:80",
        "[127.0.0.1]:80",
        "[::1%]:80",
        "[::1%lo]:80",
        "[::1%99999999999]:80",
        "**:80",
        "unix:",
        "unix:@",
        "Unix:/path",
        "http://1.2.3.4:80",
        " 1.2.3.4:80",
        "1.2.3.4:0x50",
        ("11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
         "111111111111111111111111111111"
         "1"
         "111111111111111111111111111111111111:80"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct hark_address address;
        struct hark_address before;
        memset(&before, 0xa5, sizeof before);
        memcpy(&address, &before, sizeof before);
        if (hark_address_parse(wrong[i], &address) != -EINVAL)
            fail_msg("\"%s\" was read as an address", wrong[i]);
        assert_memory_equal(&address, &before, sizeof before);
    }
}

TEST(address_format_of_what_the_kernel_gives)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    struct hark_address address = {.length = sizeof(sa_family_t),
                                   .name.any.sa_family = AF_UNIX}; /* a socket without a name */
    assert_string_equal(hark_address_format(&address, text, sizeof text), "unix:");
    memcpy(address.name.unix_path.sun_path, "\0a\0b", 4);
    address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 4);
    assert_string_equal(hark_address_format(&address, text, sizeof text), "unix:@a@b");
    memset(address.name.unix_path.sun_path, 'p',
           sizeof address.name.unix_path.sun_path); /* a path without a NUL */
    address.length = sizeof(struct sockaddr_un) + 1;
    hark_address_format(&address, text, sizeof text);
    assert_int_equal(strlen(text), 5 + sizeof address.name.unix_path.sun_path);
    struct hark_address nothing = {0};
    assert_string_equal(hark_address_format(&nothing, text, sizeof text), "unknown");
    nothing =
        (struct hark_address){.length = sizeof(struct sockaddr), .name.any.sa_family = AF_NETLINK};
    assert_string_equal(hark_address_format(&nothing, text, sizeof text), "unknown");
}

TEST(address_format_in_little_room_ends_in_time)
{
    struct hark_address address;
    char text[8];
    assert_result(hark_address_parse("unix:/a/long/path", &address), 0);
    for (size_t room = 1; room <= sizeof text; room++) {
        memset(text, 'x', sizeof text);
        hark_address_format(&address, text, room);
        assert_true(strnlen(text, room) < room);
        for (size_t i = room; i < sizeof text; i++)
            assert_int_equal(text[i], 'x');
    }
}
