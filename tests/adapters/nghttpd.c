/* nghttpd.c - see the header. */
#include "adapters/nghttpd.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether a process has a socket of this inode. */
static bool owns(pid_t pid, unsigned long inode)
{
    char path[64], wanted[64], target[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry && !found; entry = readdir(directory)) {
        ssize_t count = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        target[count > 0 ? count : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    closedir(directory);
    return found;
}

/* It says port 0 where it was asked for that: the kernel knows better. */
static unsigned listening_port(pid_t pid)
{
    char line[256];
    unsigned port = 0;
    FILE *table = fopen("/proc/net/tcp", "r");
    assert_non_null(table);
    while (port == 0 && fgets(line, sizeof line, table)) {
        unsigned own, state;
        unsigned long inode;
        if (sscanf(line, " %*d: 0100007F:%x %*x:%*x %x %*s %*s %*s %*s %*s %lu", &own, &state,
                   &inode) == 3 &&
            state == 0x0a && owns(pid, inode))
            port = own;
    }
    fclose(table);
    assert_int_not_equal(port, 0);
    return port;
}

static void become(const char *directory, int says_to)
{
    dup2(says_to, STDOUT_FILENO);
    signal(SIGPIPE, SIG_IGN);
    execlp("nghttpd", "nghttpd", "--no-tls", "-v", "-a", "127.0.0.1", "-d", directory, "0",
           (char *)NULL);
    _exit(127);
}

void nghttpd_start(struct nghttpd *server)
{
    char said[1024], text[32];
    size_t count = 0;
    int ends[2], status;
    const char *directory = harness_directory();
    harness_pipe(ends, 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0)
        become(directory, ends[1]);
    close(ends[1]);
    do {
        ssize_t more = read(ends[0], said + count, sizeof said - 1 - count);
        if (more <= 0 && waitpid(server->pid, &status, 0) == server->pid && WIFEXITED(status) &&
            WEXITSTATUS(status) == 127) {
            close(ends[0]);
            harness_skip("nghttpd is not installed");
        }
        if (more <= 0)
            fail_msg("nghttpd did not start: %.*s", (int)count, said);
        count += (size_t)more;
        said[count] = '\0';
    } while (!strstr(said, "listen "));
    close(ends[0]); /* what it says from here on is for nobody */
    snprintf(text, sizeof text, "127.0.0.1:%u", listening_port(server->pid));
    assert_int_equal(hark_address_parse(text, &server->address), 0);
}

void nghttpd_kill(struct nghttpd *server)
{
    int status;
    kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
}
