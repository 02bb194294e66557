/* stack_switch.c - see the header. swapcontext(3) sets the mask of signals, which all stacks share
 * here: two system calls for each switch, and worlds switch thousands of times. So it is done by
 * hand where that is known: what a function has to keep for its caller goes onto the stack, and the
 * other's comes from his (System V ABI, AMD64, 3.2.1). */
#include "sim/world/stack_switch.h"

#include <stdint.h>

#if defined(__x86_64__)

enum { KEPT_WORDS = 7 }; /* beside the address to return to */

__asm__(".text\n"
        ".globl stack_switch\n"
        ".hidden stack_switch\n"
        ".type stack_switch, @function\n"
        "stack_switch:\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n" /* how numbers are rounded */
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq (%rsi), %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size stack_switch, . - stack_switch\n");

void stack_place_init(struct stack_place *place, void *memory, size_t bytes, void (*function)(void))
{
    /* The function finds its stack as a call leaves it: 8 above a multiple of 16. */
    uint64_t *words = (uint64_t *)((char *)memory + bytes);
    *--words = 0; /* nobody to return to */
    *--words = (uintptr_t)function;
    for (int i = 1; i < KEPT_WORDS; i++)
        *--words = 0;
    *--words = UINT64_C(0x037f00001f80); /* how numbers are rounded, as at a program's beginning */
    place->top = words;
}

#else

void stack_place_init(struct stack_place *place, void *memory, size_t bytes, void (*function)(void))
{
    getcontext(&place->context);
    place->context.uc_stack.ss_sp = memory;
    place->context.uc_stack.ss_size = bytes;
    place->context.uc_link = NULL;
    makecontext(&place->context, function, 0);
}

void stack_switch(struct stack_place *from, struct stack_place *to)
{
    swapcontext(&from->context, &to->context);
}

#endif
