/* privileges.h - no program that the process starts gets more rights than it has itself. */
#ifndef HARK_COMMAND_SANDBOX_PRIVILEGES_H
#define HARK_COMMAND_SANDBOX_PRIVILEGES_H

/* For the calling thread and those that it starts, for good; a filter of system calls and a list of
 * files need it (PR_SET_NO_NEW_PRIVS).
 * Fails: what prctl(2) answers. */
int privileges_renounce(void);

#endif
