/*
 * huge_pages.h
 *		Large allocations with fewer page faults.
 */
#ifndef CELL_BINARY_HUGE_PAGES_H
#define CELL_BINARY_HUGE_PAGES_H

#include "compat.h"

#include <sys/mman.h>
#include <unistd.h>

#include "settings.h"

/* What a size must be for huge pages (2 MB on most machines) to pay. */
#define HUGE_PAGES_SIZE ((Size) 4 * 1024 * 1024)

/*
 * Bytes that memory context and malloc put around a large chunk, generously.
 * A chunk that is so much smaller than a power of two fills its mapping.
 */
#define LARGE_CHUNK_OVERHEAD 256

/*
 * Ask for huge pages under a chunk of memory that is not yet written to, if
 * cell_binary.huge_pages is on.  Filling 80 MB in pages of 4 kB takes 20,000
 * page faults, a tenth of the time of packing 5 million cells.  It is a wish:
 * nothing is lost where the system has no huge pages or none to spare.
 *
 * The setting is there because it can be a loss in a virtual machine that
 * hands free memory back to its host (by a balloon with free page reporting):
 * after some seconds, a huge page costs more to get back than small ones do.
 *
 * The whole mapping must be advised, from the page that malloc's header is
 * in to the last one: otherwise the kernel divides it, and growing the chunk
 * copies it instead of moving its pages.
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
