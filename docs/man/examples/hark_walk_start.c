/* The files of a tree. */
static enum hark_walk_next told(struct hark_walk *walk, const struct hark_walk_entry *entry)
{
    (void)walk;
    if (entry->error)
        fprintf(stderr, "%s: %s\n", entry->path, hark_error_text(entry->error));
    else if (entry->kind == HARK_WALK_FILE)
        printf("%s\n", entry->path);
    return HARK_WALK_ON;
}
