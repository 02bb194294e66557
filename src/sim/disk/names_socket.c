/* names_socket.c - the paths of unix sockets: unix_bind_bsd and unix_find_bsd in Linux's
 * net/unix/af_unix.c. */
#include "sim/disk/directory.h"
#include "sim/disk/inode.h"
#include "sim/disk/names.h"
#include "sim/disk/walk.h"

#include <errno.h>
#include <fcntl.h>

enum { MODE = 0755 }; /* what a umask of 022 leaves */

int names_make_socket(struct process *process, const char *path, struct inode **out_inode)
{
    struct way way;
    int error = walk(process, AT_FDCWD, path, WALK_LAST, 0, &way);
    if (error)
        return error;
    if (way.found || way.last != WALK_NAME)
        return -EADDRINUSE;
    if (way.slash || !way.directory->linked)
        return -ENOENT;
    struct inode *inode = inode_create_in(way.directory, S_IFSOCK | MODE);
    directory_add(way.directory, way.name, inode);
    *out_inode = inode; /* who made it holds it, and its name does */
    return 0;
}

int names_find_socket(struct process *process, const char *path, struct inode **out_inode)
{
    int error = walk_to(process, AT_FDCWD, path, WALK_FOLLOW, 0, out_inode);
    if (error)
        return error;
    return S_ISSOCK((*out_inode)->mode) ? 0 : -ECONNREFUSED;
}
