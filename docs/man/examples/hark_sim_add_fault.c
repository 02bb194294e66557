/* The third sync of the log fails, and so does every write to it after ten, the disk being full. */
static void spoil(struct hark_sim *world)
{
    hark_sim_add_fault(world, &(struct hark_sim_fault){
                                  .call = "sync", .path = "log/0", .after = 2, .error = -EIO});
    hark_sim_add_fault(
        world,
        &(struct hark_sim_fault){
            .call = "write", .path = "log/0", .after = 10, .times = UINT32_MAX, .error = -ENOSPC});
}
