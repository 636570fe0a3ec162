// A file as objects: the whole one of who shares it, or the growing one of who fetches it, which is
// served as far as it goes. What comes is verified before it is written, what is read before it is
// given, and what a killed process left before it counts.
#pragma once

#include "control/group/ranges.h"
#include "control/service/file_layout.h"

struct shared_file;

#define SHARED_FILE_OBJECT_MAX FILE_PIECE_MAX // octets of any of its objects

// Reads all of it. NULL: -errno in *err; -EFBIG.
struct shared_file *shared_file_open(const char *path, int *err);
// To be fetched into path: PATH.part and PATH.state until it is whole. root: its object at index 0.
// What is there from an earlier time is verified and kept; *err -EEXIST: of another root.
struct shared_file *shared_file_create(const char *path, struct span root, int *err);
void shared_file_close(struct shared_file *);

const struct file_layout *shared_file_layout(const struct shared_file *);
void shared_file_hash(const struct shared_file *, uint8_t hash[FILE_HASH_LEN]); // of the root
struct span shared_file_name(const struct shared_file *);
// What is there, and can be given.
const struct ranges *shared_file_have(const struct shared_file *);
bool shared_file_is_whole(const struct shared_file *);
uint64_t shared_file_bytes(const struct shared_file *); // of the file that are there
// What may be asked for now: pieces only once their list is there.
bool shared_file_next_wanted(const struct shared_file *, uint64_t from, struct index_range *);

// Into buffer, SHARED_FILE_OBJECT_MAX octets. -ENOENT: it is not there; -ESTALE: the file has been
// changed since; -EIO.
int shared_file_read(struct shared_file *, uint64_t index, uint8_t *buffer, uint32_t *len);
// 0; 1: it was there; -EBADMSG: it is not what the root says; -errno: it could not be written.
int shared_file_take(struct shared_file *, uint64_t index, struct span object);
// It is whole: becomes PATH. 0 or -errno.
int shared_file_finish(struct shared_file *);
