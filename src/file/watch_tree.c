/* watch_tree.c - see the header. Two tables lead to a node: from a directory and a name, and from
 * the number of an inotify watch. What must hold: each node but the first is in the table of names
 * and among its parent's children; one that has an inotify watch is in the table of these, and no
 * two have the same. */
#include "file/watch_tree.h"
#include "core/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- tables --- */

enum { TABLE_LEAST = 16 };

/* The directory's address is the seed: so nobody can choose names that all fall together. */
static size_t hash_of_name(const struct watch_node *parent, const char *name)
{
    const uint64_t prime = 0x100000001b3;
    uint64_t hash = 0xcbf29ce484222325 ^ (uint64_t)(uintptr_t)parent * prime;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * prime;
    return (size_t)(hash ^ hash >> 32);
}

static size_t hash_of(const struct watch_node *node, bool by_name)
{
    return by_name ? hash_of_name(node->parent, node->name) : (size_t)node->watch;
}

static struct watch_node **next_of(struct watch_node *node, bool by_name)
{
    return by_name ? &node->next_of_name : &node->next_of_watch;
}

static void table_put(struct watch_table *table, struct watch_node *node, bool by_name)
{
    struct watch_node **place = &table->places[hash_of(node, by_name) & (table->room - 1)];
    *next_of(node, by_name) = *place;
    *place = node;
    table->count++;
}

static void table_take(struct watch_table *table, struct watch_node *node, bool by_name)
{
    struct watch_node **place = &table->places[hash_of(node, by_name) & (table->room - 1)];
    while (*place != node)
        place = next_of(*place, by_name);
    *place = *next_of(node, by_name);
    table->count--;
}

/* Makes room for one more. Gives: 0. Fails: -ENOMEM. */
static int table_grow(struct watch_table *table, bool by_name)
{
    if (table->count < table->room)
        return 0;
    struct watch_table larger = {.room = table->room ? 2 * table->room : TABLE_LEAST};
    larger.places = calloc(larger.room, sizeof(struct watch_node *));
    if (!larger.places)
        return -ENOMEM;
    for (size_t i = 0; i < table->room; i++)
        for (struct watch_node *node = table->places[i], *next; node; node = next) {
            next = *next_of(node, by_name);
            table_put(&larger, node, by_name);
        }
    free(table->places);
    *table = larger;
    return 0;
}

struct watch_node *watch_tree_find(const struct hark_watch_tree *tree,
                                   const struct watch_node *parent, const char *name)
{
    if (tree->names.room == 0)
        return NULL;
    struct watch_node *node =
        tree->names.places[hash_of_name(parent, name) & (tree->names.room - 1)];
    while (node && (node->parent != parent || strcmp(node->name, name) != 0))
        node = node->next_of_name;
    return node;
}

struct watch_node *watch_tree_find_watch(const struct hark_watch_tree *tree, int watch)
{
    if (tree->watches.room == 0 || watch < 0)
        return NULL;
    struct watch_node *node = tree->watches.places[(size_t)watch & (tree->watches.room - 1)];
    while (node && node->watch != watch)
        node = node->next_of_watch;
    return node;
}

int watch_tree_set_watch(struct hark_watch_tree *tree, struct watch_node *node, int watch)
{
    if (node->watch == watch)
        return 0;
    if (watch != WATCH_NONE && table_grow(&tree->watches, false) < 0)
        return -ENOMEM;
    if (node->watch != WATCH_NONE)
        table_take(&tree->watches, node, false);
    node->watch = watch;
    if (watch != WATCH_NONE)
        table_put(&tree->watches, node, false);
    return 0;
}

/* --- lists --- */

static void list_put(struct watch_list *list, struct watch_place *place)
{
    if (place->link)
        return;
    place->link = list->first ? list->last : &list->first;
    place->next = NULL;
    *place->link = place;
    list->last = &place->next;
}

static void list_take(struct watch_list *list, struct watch_place *place)
{
    if (!place->link)
        return;
    *place->link = place->next;
    if (place->next)
        place->next->link = place->link;
    else
        list->last = place->link;
    place->link = NULL;
}

void watch_tree_scan(struct hark_watch_tree *tree, struct watch_node *node)
{
    list_put(&tree->scans, &node->scan);
}

struct watch_node *watch_tree_take_scan(struct hark_watch_tree *tree)
{
    struct watch_place *first = tree->scans.first;
    if (!first)
        return NULL;
    list_take(&tree->scans, first);
    return hark_container_of(first, struct watch_node, scan);
}

void watch_tree_gather(struct hark_watch_tree *tree, struct watch_node *node)
{
    list_put(&tree->gathered, &node->gather);
}

void watch_tree_ungather(struct hark_watch_tree *tree, struct watch_node *node)
{
    list_take(&tree->gathered, &node->gather);
}

struct watch_node *watch_tree_first_gathered(const struct hark_watch_tree *tree)
{
    struct watch_place *first = tree->gathered.first;
    return first ? hark_container_of(first, struct watch_node, gather) : NULL;
}

void watch_tree_scan_all(struct hark_watch_tree *tree)
{
    for (struct watch_node *node = tree->root; node; node = watch_tree_next(node, tree->root)) {
        node->error = 0;
        node->collided = false;
        if (watch_is_entered(tree, node))
            watch_tree_scan(tree, node);
    }
}

/* --- nodes --- */

static void link_child(struct watch_node *parent, struct watch_node *node)
{
    node->parent = parent;
    node->next = parent->children;
    node->link = &parent->children;
    if (node->next)
        node->next->link = &node->next;
    parent->children = node;
}

static void unlink_child(struct watch_node *node)
{
    *node->link = node->next;
    if (node->next)
        node->next->link = node->link;
}

struct watch_node *watch_tree_add(struct hark_watch_tree *tree, struct watch_node *parent,
                                  const char *name, bool is_directory)
{
    if (table_grow(&tree->names, true) < 0)
        return NULL;
    struct watch_node *node = calloc(1, sizeof *node);
    char *copy = strdup(name);
    if (!node || !copy) {
        free(node);
        free(copy);
        return NULL;
    }
    node->name = copy;
    node->watch = WATCH_NONE;
    node->is_directory = is_directory;
    if (parent) {
        link_child(parent, node);
        table_put(&tree->names, node, true);
    }
    return node;
}

int watch_tree_move(struct hark_watch_tree *tree, struct watch_node *node,
                    struct watch_node *parent, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    table_take(&tree->names, node, true);
    unlink_child(node);
    free(node->name);
    node->name = copy;
    link_child(parent, node);
    table_put(&tree->names, node, true);
    return 0;
}

struct watch_node *watch_tree_next(const struct watch_node *node, const struct watch_node *top)
{
    if (node->children)
        return node->children;
    while (node != top && !node->next)
        node = node->parent;
    return node == top ? NULL : node->next;
}

/* One that has nothing below it. */
static void drop_one(struct hark_watch_tree *tree, struct watch_node *node)
{
    list_take(&tree->scans, &node->scan);
    list_take(&tree->gathered, &node->gather);
    if (node->watch != WATCH_NONE) {
        /* Once it is ending, the descriptor may be another's. */
        if (!tree->is_ending)
            (void)kernel_inotify_rm_watch(calls_of(tree->watch->loop), tree->fd, node->watch);
        (void)watch_tree_set_watch(tree, node, WATCH_NONE);
    }
    if (node->parent) {
        table_take(&tree->names, node, true);
        unlink_child(node);
    }
    free(node->name);
    free(node);
}

void watch_tree_drop(struct hark_watch_tree *tree, struct watch_node *node)
{
    for (struct watch_node *at = node, *parent;; at = parent) {
        while (at->children)
            at = at->children;
        parent = at->parent;
        bool is_last = at == node;
        drop_one(tree, at);
        if (is_last)
            return;
    }
}

int watch_tree_path(const struct watch_node *node, char **text, size_t *room)
{
    size_t size = 1;
    for (const struct watch_node *at = node; at->parent; at = at->parent)
        size += strlen(at->name) + (at->parent->parent ? 1 : 0);
    if (size > *room) {
        char *larger = realloc(*text, 2 * size);
        if (!larger)
            return -ENOMEM;
        *text = larger;
        *room = 2 * size;
    }
    char *end = *text + size;
    *--end = '\0';
    for (; node->parent; node = node->parent) {
        size_t count = strlen(node->name);
        end -= count;
        memcpy(end, node->name, count);
        if (node->parent->parent)
            *--end = '/';
    }
    return 0;
}
