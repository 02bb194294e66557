/* test_calls.c - what the filter refuses, in threads that were there before it as well, and what
 * goes on. A test is a process of its own, so that the filter ends with it. */
#include "harness/sanitizer.h"
#include "sandbox/calls.h"
#include "sandbox/child.h"
#include "sandbox/privileges.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void only_restrict(void)
{
    EXPECT(privileges_renounce() == 0 && calls_restrict() == 0);
}

/* Whether there is a filter here. A sanitizer makes calls of its own. */
static bool can_restrict(void)
{
    return !SANITIZED && child_status(only_restrict) == 0;
}

static long refused(long result)
{
    return result < 0 ? errno : 0;
}

static void try_what_is_refused(void)
{
    char *const none[] = {NULL};
    only_restrict();
    EXPECT(refused(execve("/bin/false", none, none)) == EPERM);
    EXPECT(refused(fork()) == EPERM);
    EXPECT(refused(kill(getppid(), 0)) == EPERM);
    EXPECT(refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)) == EPERM);
    EXPECT(refused(socket(AF_PACKET, SOCK_RAW, 0)) == EPERM);
    EXPECT(refused(syscall(SYS_io_uring_setup, 1, NULL)) == EPERM);
    EXPECT(refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)) == EPERM);
    EXPECT(refused(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL)) == EPERM);
    EXPECT(refused(setuid(0)) == EPERM);
    EXPECT(refused(chdir("/")) == EPERM);
}

TEST(what_a_server_does_not_call_is_refused)
{
    if (!can_restrict())
        harness_skip("there is no filter of system calls here");
    in_child(try_what_is_refused);
}

static void try_executable_memory(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    only_restrict();
    EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == MAP_FAILED &&
           errno == EPERM);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
    EXPECT(page != MAP_FAILED);
    EXPECT(refused(mprotect(page, 4096, PROT_READ | PROT_EXEC)) == EPERM);
    EXPECT(mprotect(page, 4096, PROT_READ) == 0);
}

TEST(memory_that_was_written_to_is_never_executed)
{
    if (!can_restrict())
        harness_skip("there is no filter of system calls here");
    in_child(try_executable_memory);
}

/* So a C library that knows a newer call goes the older way. */
static void try_newer_calls(void)
{
    only_restrict();
    EXPECT(refused(syscall(435 /* clone3 */, NULL, 0)) == ENOSYS);
    EXPECT(refused(syscall(600, 0)) == ENOSYS);
}

TEST(calls_newer_than_the_list_are_answered_as_lacking)
{
    if (!can_restrict())
        harness_skip("there is no filter of system calls here");
    in_child(try_newer_calls);
}

static sem_t go;

static void *wait_and_try(void *argument)
{
    sem_wait(&go);
    *(long *)argument = refused(kill(getppid(), 0));
    return NULL;
}

static void try_earlier_thread(void)
{
    pthread_t thread;
    long error = 0;
    sem_init(&go, 0, 0);
    EXPECT(pthread_create(&thread, NULL, wait_and_try, &error) == 0);
    only_restrict();
    sem_post(&go);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(error == EPERM);
}

TEST(threads_that_were_there_are_bound_as_well)
{
    if (!can_restrict())
        harness_skip("there is no filter of system calls here");
    in_child(try_earlier_thread);
}

static void *nothing(void *argument)
{
    return argument;
}

static void try_what_goes_on(void)
{
    pthread_t thread;
    int ends[2];
    char byte = 0;
    only_restrict();
    EXPECT(pthread_create(&thread, NULL, nothing, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(pipe(ends) == 0 && write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1);
    EXPECT(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno == EAFNOSUPPORT);
    EXPECT(signal(SIGUSR1, SIG_IGN) != SIG_ERR && raise(SIGUSR1) == 0);
}

TEST(threads_pipes_sockets_and_own_signals_go_on)
{
    if (!can_restrict())
        harness_skip("there is no filter of system calls here");
    in_child(try_what_goes_on);
}
