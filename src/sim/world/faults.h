/* faults.h - what goes wrong: asked of each call when it begins, by threads and by io_uring's
 * requests. By script first (hark_sim_add_fault), else by chance. */
#ifndef SIM_WORLD_FAULTS_H
#define SIM_WORLD_FAULTS_H

#include "sim/file/file.h"
#include "sim/world/state.h"

/* Takes: call: by the name in kernel.h, without its prefix; file: NULL: it is about none; bytes:
 *   that are to be moved, lowered where fewer are; NULL: none are.
 * Gives: 0, or the error with which it ends without being made. A sync whose pages are to be lost
 *   gives 0: the error is the file's then. */
int faults_of(struct process *process, const char *call, struct file *file, size_t *bytes);

/* The same for a call on a path. */
int faults_of_path(struct process *process, const char *call, int directory, const char *path);

/* A world begins, and ends. */
void faults_begin(void);
void faults_done(void);

#endif
