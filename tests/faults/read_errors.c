/* A disk that cannot read one file: put before a program by LD_PRELOAD.
 *
 * Reads of the file that READ_ERROR names fail with EIO, as those of a bad sector do, from the byte
 * READ_ERROR_FROM on. Everything else goes its way. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int bad(int fd, off_t end) {
    const char *name = getenv("READ_ERROR");
    const char *from = getenv("READ_ERROR_FROM");
    char link[64], path[PATH_MAX];
    if (!name)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strcmp(path, name) == 0 && end > (from ? atoll(from) : 0);
}

static off_t at(int fd) { return lseek(fd, 0, SEEK_CUR); }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL return (errno = EIO, -1)

static size_t total(const struct iovec *parts, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

ssize_t read(int fd, void *buffer, size_t size) {
    if (bad(fd, at(fd) + (off_t)size)) FAIL;
    return REAL(read)(fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
    if (bad(fd, offset + (off_t)size)) FAIL;
    return REAL(pread)(fd, buffer, size, offset);
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset) {
    if (bad(fd, offset + (off_t)size)) FAIL;
    return REAL(pread64)(fd, buffer, size, offset);
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
    if (bad(fd, at(fd) + (off_t)total(parts, count))) FAIL;
    return REAL(readv)(fd, parts, count);
}

ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset) {
    if (bad(fd, offset + (off_t)total(parts, count))) FAIL;
    return REAL(preadv)(fd, parts, count, offset);
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset) {
    if (bad(fd, offset + (off_t)total(parts, count))) FAIL;
    return REAL(preadv64)(fd, parts, count, offset);
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    if (bad(fd, offset + (off_t)total(parts, count))) FAIL;
    return REAL(preadv64v2)(fd, parts, count, offset, flags);
}
