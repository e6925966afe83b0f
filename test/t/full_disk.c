/*
 * full_disk.c
 *		Simulates a full disk for a server that preloads this library.
 *
 * The environment variable FULL_DISK names a directory.  While the file
 * FULL_DISK.full exists, no file below the directory can become larger than
 * that file.  Existing bytes can be overwritten, as on most real disks.  The
 * functions below are those with which PostgreSQL extends files.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whether the disk has room for a file that ends at this offset. */
static bool
has_room(int fd, off_t end)
{
	const char *disk = getenv("FULL_DISK");
	char		name[PATH_MAX];
	char		path[PATH_MAX] = "";
	struct stat file;
	struct stat largest;

	/* There is no simulated disk, or the file is not on it. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (disk == NULL || readlink(name, path, sizeof(path) - 1) < 0 ||
		strncmp(path, disk, strlen(disk)) != 0 || path[strlen(disk)] != '/')
		return true;

	snprintf(name, sizeof(name), "%s.full", disk);
	return stat(name, &largest) != 0 || end <= largest.st_size ||
		(fstat(fd, &file) == 0 && end <= file.st_size);
}

ssize_t
pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
	ssize_t		(*next) (int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");

	if (has_room(fd, offset + (off_t) size))
		return next(fd, buffer, size, offset);
	errno = ENOSPC;
	return -1;
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	ssize_t		(*next) (int, const struct iovec *, int, off_t) = dlsym(RTLD_NEXT, "pwritev");
	off_t		end = offset;

	for (int i = 0; i < count; i++)
		end += parts[i].iov_len;
	if (has_room(fd, end))
		return next(fd, parts, count, offset);
	errno = ENOSPC;
	return -1;
}

int
posix_fallocate(int fd, off_t offset, off_t size)
{
	int			(*next) (int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate");

	return has_room(fd, offset + size) ? next(fd, offset, size) : ENOSPC;
}

/* The names in a program that was built for large files.  off_t has 64 bits. */
ssize_t		pwrite64(int fd, const void *buffer, size_t size, off_t offset) __attribute__((alias("pwrite")));
ssize_t		pwritev64(int fd, const struct iovec *parts, int count, off_t offset) __attribute__((alias("pwritev")));
int			posix_fallocate64(int fd, off_t offset, off_t size) __attribute__((alias("posix_fallocate")));
