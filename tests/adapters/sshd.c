/* sshd.c - see the header. */
#include "adapters/sshd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char path[] = "/usr/sbin/sshd"; /* it wants to be called by its whole name */

static void make_key(const char *name)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp("ssh-keygen", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name,
               (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("ssh-keygen failed: status %d", status);
}

static void write_configuration(const struct sshd *sshd, const char *host_key)
{
    FILE *file = fopen(sshd->configuration, "w");
    assert_non_null(file);
    fprintf(file,
            "HostKey %s\nAuthorizedKeysFile %s.pub\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nPidFile none\nUseDNS no\n"
            "PrintMotd no\nPrintLastLog no\nSubsystem sftp internal-sftp\nLogLevel QUIET\n",
            host_key, sshd->key);
    assert_int_equal(fclose(file), 0);
}

void sshd_make(struct sshd *sshd)
{
    const struct passwd *user = getpwuid(getuid());
    if (access(path, X_OK) < 0)
        harness_skip("no SSH server: %s: %s", path, strerror(errno));
    assert_non_null(user);
    /* As root it wants this directory, which Debian's script makes where the system is booted. */
    if (getuid() == 0 && mkdir("/run/sshd", 0755) < 0 && errno != EEXIST)
        harness_skip("no SSH server: /run/sshd: %s", strerror(errno));
    snprintf(sshd->user, sizeof sshd->user, "%s", user->pw_name);
    snprintf(sshd->key, sizeof sshd->key, "%s", harness_path("key"));
    snprintf(sshd->strange_key, sizeof sshd->strange_key, "%s", harness_path("strange"));
    snprintf(sshd->configuration, sizeof sshd->configuration, "%s", harness_path("sshd.conf"));
    make_key(sshd->key);
    make_key(sshd->strange_key);
    make_key(harness_path("host"));
    write_configuration(sshd, harness_path("host"));
}

int sshd_connect(struct hark_loop *loop, const struct sshd *sshd, pid_t *out_pid)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    *out_pid = fork();
    assert_true(*out_pid >= 0);
    if (*out_pid == 0) {
        fcntl(pair[0], F_SETFL, 0); /* it blocks */
        dup2(pair[0], STDIN_FILENO);
        dup2(pair[0], STDOUT_FILENO);
        execl(path, path, "-i", "-f", sshd->configuration, (char *)NULL);
        _exit(127);
    }
    close(pair[0]);
    return pair[1];
}

void sshd_wait(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

void sshd_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    sshd_wait(pid);
}
