/* numbers.c - see the header. */
#include "adapters/numbers.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { NUMBERS = 4096 };

unsigned numbers_again;
static unsigned numbers_times[NUMBERS];

void numbers_note(int fd)
{
    assert_in_range(fd, 0, NUMBERS - 1);
    if (numbers_times[fd]++)
        numbers_again++;
}

uint16_t numbers_refusing_port(int type, int *out_fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    *out_fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*out_fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(*out_fd, (struct sockaddr *)&name, &length), 0);
    if (type == SOCK_DGRAM)
        assert_int_equal(connect(*out_fd, (struct sockaddr *)&name, sizeof name), 0);
    return ntohs(name.sin_port);
}
