/* unseen.h - what is done behind ThreadSanitizer's back, in builds with it. */
#ifndef KERNEL_UNSEEN_H
#define KERNEL_UNSEEN_H

#if defined(__clang__) && defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNSEEN_BUILD
#endif
#elif defined(__SANITIZE_THREAD__)
#define UNSEEN_BUILD
#endif

#ifdef UNSEEN_BUILD

/* It keeps books of descriptors by the calls that it sees: not those of io_uring, which close them,
 * nor openat(2), which gives the number to another thread. That this thread then closes it, or
 * registers it, looks like a race; and where it does not know who made a descriptor, the sanitizer
 * of clang 14 fails while it says so. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

#define UNSEEN(call)                                                                               \
    __extension__({                                                                                \
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);                                              \
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);                                             \
        int unseen_value = (call);                                                                 \
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);                                               \
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);                                                \
        unseen_value;                                                                              \
    })

/* It takes every clone(2) that it sees for a fork(2), and fails on one that shares memory. By the C
 * library's other name for it, it sees none. */
int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...);
#define unseen_clone __clone

#else
#define UNSEEN(call) (call)
#define unseen_clone clone
#endif

#endif
