/* postgres.c - see the header. */
#include "adapters/postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Debian keeps its programs where users do not look for them. */
static const char *program(const char *name)
{
    static char path[512];
    char directory[256] = "";
    FILE *told = popen("pg_config --bindir 2>&1", "r");
    assert_non_null(told);
    if (!fgets(directory, sizeof directory, told))
        directory[0] = '\0';
    pclose(told);
    directory[strcspn(directory, "\n")] = '\0';
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (access(path, X_OK) < 0)
        harness_skip("no PostgreSQL server: %s: %s", path, strerror(errno));
    return path;
}

/* It does not run as root. */
static void become_its_user(void)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (!user)
        return;
    if (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
        _exit(126);
}

/* Runs it as its user, whose words go to `says_to`. */
static pid_t run(const char *path, const char *const arguments[], int says_to)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    dup2(says_to, STDOUT_FILENO);
    dup2(says_to, STDERR_FILENO);
    become_its_user();
    setenv("LC_ALL", "C", 1);
    execv(path, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

void postgres_make(struct postgres *server)
{
    char data[300];
    int status = 0;
    const char *path = program("initdb");
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    snprintf(server->directory, sizeof server->directory, "%s", harness_path("pg"));
    snprintf(server->name, sizeof server->name, "host=%s user=hark dbname=postgres",
             server->directory);
    snprintf(data, sizeof data, "%s/data", server->directory);
    assert_int_equal(chmod(harness_directory(), 0711), 0);
    assert_int_equal(mkdir(server->directory, 0700), 0);
    if (user)
        assert_int_equal(chown(server->directory, user->pw_uid, user->pw_gid), 0);
    const char *const arguments[] = {"initdb",     "--pgdata",   data,        "--auth",
                                     "trust",      "--username", "hark",      "--no-locale",
                                     "--encoding", "UTF8",       "--no-sync", NULL};
    int nobody = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t pid = run(path, arguments, nobody);
    close(nobody);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("initdb failed: status %d", status);
}

void postgres_start(struct postgres *server)
{
    char data[300], said[16384];
    size_t count = 0;
    int ends[2];
    const char *path = program("postgres");
    snprintf(data, sizeof data, "%s/data", server->directory);
    const char *const arguments[] = {"postgres", "-D", data, "-k", server->directory,
                                     "-h",       "",   "-F", "-c", "logging_collector=off",
                                     NULL};
    harness_pipe(ends, 0);
    server->pid = run(path, arguments, ends[1]);
    close(ends[1]);
    do {
        ssize_t more = read(ends[0], said + count, sizeof said - 1 - count);
        if (more <= 0)
            fail_msg("the server did not start: %.*s", (int)count, said);
        count += (size_t)more;
        said[count] = '\0';
    } while (!strstr(said, "ready to accept connections"));
    /* What it says from here on is for nobody; it goes on saying it. */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    close(ends[0]);
}

void postgres_kill(struct postgres *server)
{
    int status;
    kill(server->pid, SIGQUIT);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
}
