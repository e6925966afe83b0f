/*
 * huge_pages.h
 *		Requesting huge pages for large allocations, for fewer page faults.
 */
#ifndef CELL_BINARY_HUGE_PAGES_H
#define CELL_BINARY_HUGE_PAGES_H

#include "compat.h"

#include <sys/mman.h>
#include <unistd.h>

#include "settings.h"

/*
 * An upper limit on the bytes that a memory context and malloc add to a large
 * chunk.  A chunk that is this much smaller than a power of two fills its
 * mapping.
 */
#define LARGE_CHUNK_OVERHEAD 256

/* The size from which huge pages (2 MB on most machines) pay off. */
#define HUGE_PAGES_SIZE ((Size) 2 * 1024 * 1024 - LARGE_CHUNK_OVERHEAD)

/*
 * Request huge pages for a chunk of memory that was not written yet, if
 * cell_binary.huge_pages is on.  Filling 80 MB in pages of 4 kB takes 20,000
 * page faults, which is a tenth of the time to pack 5 million cells.  The
 * request is only advice: nothing is lost if the system has no huge pages or
 * none to spare.
 *
 * The setting exists because huge pages can cost time in a virtual machine
 * that returns free memory to its host (by a balloon with free page
 * reporting): after some seconds, getting a huge page back costs more than
 * getting small pages back.
 *
 * The whole mapping must be advised, from the page that contains malloc's
 * header to the last page.  Otherwise the kernel divides the mapping, and
 * growing the chunk copies it instead of moving its pages.
 */
static inline void
AdviseHugePages(void *chunk, Size size)
{
#ifdef MADV_HUGEPAGE
	if (cell_binary_huge_pages && size >= HUGE_PAGES_SIZE)
	{
		uintptr_t	page = sysconf(_SC_PAGESIZE);
		uintptr_t	start = TYPEALIGN_DOWN(page, (uintptr_t) chunk);
		uintptr_t	end = TYPEALIGN(page, (uintptr_t) chunk + size);

		(void) madvise((void *) start, end - start, MADV_HUGEPAGE);
	}
#endif
}

#endif							/* CELL_BINARY_HUGE_PAGES_H */
