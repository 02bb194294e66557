/* list.h - a doubly linked list through members of the structs that stand in it; a head is a member
 * of its own. */
#ifndef HUB_LIST_H
#define HUB_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head, or a place in a list. One that stands in no list points at itself. */
struct hub_list {
    struct hub_list *next;
    struct hub_list *before;
};

static inline void hub_list_init(struct hub_list *list)
{
    list->next = list;
    list->before = list;
}

static inline bool hub_list_empty(const struct hub_list *list)
{
    return list->next == list;
}

/* Puts place, which stands in no list, at the end. */
static inline void hub_list_append(struct hub_list *head, struct hub_list *place)
{
    place->next = head;
    place->before = head->before;
    head->before->next = place;
    head->before = place;
}

/* Takes place out of its list; one that stands in none stays as it is. */
static inline void hub_list_remove(struct hub_list *place)
{
    place->before->next = place->next;
    place->next->before = place->before;
    hub_list_init(place);
}

/* Moves all of `from` to the end of `to`. */
static inline void hub_list_move(struct hub_list *to, struct hub_list *from)
{
    if (hub_list_empty(from))
        return;
    from->next->before = to->before;
    to->before->next = from->next;
    from->before->next = to;
    to->before = from->before;
    hub_list_init(from);
}

#endif
