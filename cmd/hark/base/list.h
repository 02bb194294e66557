/* list.h - a doubly linked list through members of the structs that stand in it; a head is a member
 * of its own. */
#ifndef HARK_COMMAND_BASE_LIST_H
#define HARK_COMMAND_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head, or a place in a list. One that stands in no list points at itself. */
struct list {
    struct list *next;
    struct list *before;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->before = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Puts place, which stands in no list, at the end. */
static inline void list_append(struct list *head, struct list *place)
{
    place->next = head;
    place->before = head->before;
    head->before->next = place;
    head->before = place;
}

/* Takes place out of its list; one that stands in none stays as it is. */
static inline void list_remove(struct list *place)
{
    place->before->next = place->next;
    place->next->before = place->before;
    list_init(place);
}

/* Moves all of `from` to the end of `to`. */
static inline void list_move(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->before = to->before;
    to->before->next = from->next;
    from->before->next = to;
    to->before = from->before;
    list_init(from);
}

#endif
