// SPDX-License-Identifier: GPL-2.0
/* Whether the dynamic linker will take LD_PRELOAD for a program at all. */
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vmm.h"

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define ELFDATA_NATIVE	ELFDATA2LSB
#else
#define ELFDATA_NATIVE	ELFDATA2MSB
#endif
#define ELFCLASS_NATIVE	(__ELF_NATIVE_CLASS == 64 ? ELFCLASS64 : ELFCLASS32)

#define PHDRS_MAX	128
#define DYNS_MAX	512

/* What execvp() would start. */
static bool resolve(const char *name, char path[PATH_MAX])
{
	const char *dir = getenv("PATH"), *end;
	struct stat st;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return access(path, X_OK) == 0;
	}
	for (; dir; dir = *end ? end + 1 : NULL) {
		end = strchrnul(dir, ':');
		snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - dir), dir,
			 end == dir ? "" : "/", name);
		if (access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

/* Has the dynamic section of a file without an interpreter marked it a program? */
static bool marked_as_pie(int fd, const ElfW(Phdr) *dynamic)
{
	ElfW(Dyn) dyn[DYNS_MAX];
	size_t size = dynamic->p_filesz < sizeof(dyn) ? dynamic->p_filesz : sizeof(dyn);
	ssize_t got = pread(fd, dyn, size, dynamic->p_offset);

	for (ssize_t i = 0; i < got / (ssize_t)sizeof(dyn[0]); i++)
		if (dyn[i].d_tag == DT_FLAGS_1)
			return dyn[i].d_un.d_val & DF_1_PIE;
	return false;
}

/*
 * A program without an interpreter is statically linked, unless it is the
 * dynamic linker itself, called by name, which takes LD_PRELOAD for what it
 * runs. Scripts, and programs of another class or byte order, get no verdict.
 */
bool vmm_is_static(int fd)
{
	const ElfW(Phdr) *dynamic = NULL;
	ElfW(Phdr) phdrs[PHDRS_MAX];
	ElfW(Ehdr) ehdr;
	ssize_t size;

	if (pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 ||
	    ehdr.e_ident[EI_CLASS] != ELFCLASS_NATIVE ||
	    ehdr.e_ident[EI_DATA] != ELFDATA_NATIVE ||
	    ehdr.e_phentsize != sizeof(phdrs[0]) || ehdr.e_phnum > PHDRS_MAX)
		return false;
	size = ehdr.e_phnum * sizeof(phdrs[0]);
	if (pread(fd, phdrs, size, ehdr.e_phoff) != size)
		return false;
	for (int i = 0; i < ehdr.e_phnum; i++) {
		if (phdrs[i].p_type == PT_INTERP)
			return false;
		if (phdrs[i].p_type == PT_DYNAMIC)
			dynamic = &phdrs[i];
	}
	return ehdr.e_type == ET_EXEC || (dynamic && marked_as_pie(fd, dynamic));
}

const char *vmm_unpreloadable(const char *name)
{
	const char *why = NULL;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!resolve(name, path) || stat(path, &st) != 0)
		return NULL;
	/* What counts is a change of identity: root may run what is setuid root. */
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		return "setuid";
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
		return "setgid";
	if (geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return "given capabilities by its file (setcap)";

	/* One that may be executed but not read is left alone. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (vmm_is_static(fd))
		why = "statically linked";
	close(fd);
	return why;
}
