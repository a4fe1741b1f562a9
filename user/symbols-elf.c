// SPDX-License-Identifier: GPL-2.0
/* The functions of an ELF file. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "symbols.h"

/* A file that is being read. */
struct elf_file {
	Elf *elf;
	GElf_Ehdr head;
	size_t strings;		/* the section that has the names of sections */
	Elf_Data *table;	/* of symbols */
	size_t nr;
	size_t names;		/* the section that has their names */
	Elf_Data *opd;		/* ELFv1: descriptors of functions, */
	size_t opd_index;	/* in this section */
	uint64_t opd_address;
	uint64_t bias;
};

static const char *section_name(const struct elf_file *file, const GElf_Shdr *section)
{
	const char *name = elf_strptr(file->elf, file->strings, section->sh_name);

	return name ? name : "";
}

/* The table of symbols, or that of the dynamic linker where no other is left. */
static bool find_tables(struct elf_file *file)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr section;
	bool is_full = false;

	while ((scn = elf_nextscn(file->elf, scn))) {
		if (!gelf_getshdr(scn, &section))
			continue;
		if (section.sh_type == SHT_SYMTAB || (section.sh_type == SHT_DYNSYM && !is_full)) {
			file->table = elf_getdata(scn, NULL);
			file->nr = section.sh_entsize ? section.sh_size / section.sh_entsize : 0;
			file->names = section.sh_link;
			is_full = section.sh_type == SHT_SYMTAB;
		} else if (section.sh_type == SHT_PROGBITS &&
			   !strcmp(section_name(file, &section), ".opd")) {
			file->opd = elf_rawdata(scn, NULL);
			file->opd_index = elf_ndxscn(scn);
			file->opd_address = section.sh_addr;
		}
	}
	return file->table && file->nr;
}

static uint64_t number(const struct elf_file *file, const unsigned char *bytes)
{
	bool is_big = file->head.e_ident[EI_DATA] == ELFDATA2MSB;
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | bytes[is_big ? i : 7 - i];
	return n;
}

/* ELFv1: the symbol of a function is where its descriptor is. */
static bool follow_descriptor(const struct elf_file *file, GElf_Sym *sym)
{
	uint64_t at = sym->st_value - file->opd_address;

	if (!file->opd || !file->opd->d_buf || file->opd->d_size < 8 ||
	    at > file->opd->d_size - 8)
		return false;
	sym->st_value = number(file, (unsigned char *)file->opd->d_buf + at);
	return true;
}

/*
 * Whether code is there; sets its address to where that is, and @limit to where its
 * section ends.
 */
static bool is_code(const struct elf_file *file, GElf_Sym *sym, uint64_t *limit)
{
	int type = GELF_ST_TYPE(sym->st_info);
	GElf_Shdr section;
	Elf_Scn *scn;

	if (type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC)
		return false;
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= SHN_LORESERVE)
		return false;
	*limit = UINT64_MAX;
	if (file->opd && sym->st_shndx == file->opd_index)
		return follow_descriptor(file, sym);
	scn = elf_getscn(file->elf, sym->st_shndx);
	if (!scn || !gelf_getshdr(scn, &section) || !(section.sh_flags & SHF_EXECINSTR))
		return false;
	if (section.sh_addr + section.sh_size > section.sh_addr)
		*limit = section.sh_addr + section.sh_size;
	/* Of a module only .text has an address that is known. */
	return file->head.e_type != ET_REL || !strcmp(section_name(file, &section), ".text");
}

static bool is_a_name(const char *name)
{
	/*
	 * Labels that the compiler has made, mapping symbols; and what is too long for one: a
	 * file can have thousands of symbols that share it.
	 */
	return name && *name && strncmp(name, ".L", 2) && *name != '$' &&
	       strnlen(name, SYMBOL_NAME_MAX + 1) <= SYMBOL_NAME_MAX;
}

static uint32_t rank(const GElf_Sym *sym)
{
	uint32_t rank = 0;

	if (GELF_ST_TYPE(sym->st_info) != STT_NOTYPE)
		rank += 8;
	if (GELF_ST_BIND(sym->st_info) == STB_GLOBAL)
		rank += 4;
	else if (GELF_ST_BIND(sym->st_info) == STB_WEAK)
		rank += 2;
	return rank + !!sym->st_size;
}

/* ELFv2: st_other has, in its upper three bits, how far the local entry point is. */
static uint32_t local_entry(const struct elf_file *file, const GElf_Sym *sym)
{
	if (file->head.e_machine != EM_PPC64 || file->opd)
		return 0;
	return ((1U << (sym->st_other >> 5)) >> 2) << 2;
}

static void table_add(struct symbol_table *table, const struct symbol *symbol)
{
	table->symbols = array_grow(table->symbols, table->nr, &table->room,
				    sizeof(*table->symbols));
	table->symbols[table->nr++] = *symbol;
}

/* All of them, in no order. */
static void collect(const struct elf_file *file, struct symbol_table *table)
{
	for (size_t i = 0; i < file->nr; i++) {
		struct symbol symbol;
		const char *name;
		uint64_t limit;
		GElf_Sym sym;

		if (!gelf_getsym(file->table, i, &sym) || !is_code(file, &sym, &limit))
			continue;
		name = elf_strptr(file->elf, file->names, sym.st_name);
		if (!is_a_name(name))
			continue;
		symbol = (struct symbol){
			.name = strdup(name),
			.start = sym.st_value + file->bias,
			.limit = limit == UINT64_MAX ? limit : limit + file->bias,
			.rank = rank(&sym),
			.local_entry = local_entry(file, &sym),
		};
		/* No function is that large: rather one of an unknown size. */
		symbol.end = symbol.start + (sym.st_size >> 32 ? 0 : sym.st_size);
		if (symbol.name)
			table_add(table, &symbol);
	}
}

static bool reaches_kernel(const struct symbol_table *table)
{
	for (size_t i = 0; i < table->nr; i++)
		if (table->symbols[i].start >= KERNEL_BASE)
			return true;
	return false;
}

static bool add_file(struct symbols *symbols, struct elf_file *file, const char *name,
		     bool is_kernel)
{
	struct symbol_table found = { 0 }, *to;

	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF ||
	    !gelf_getehdr(file->elf, &file->head) ||
	    elf_getshdrstrndx(file->elf, &file->strings) != 0) {
		error("%s: not an ELF file", name);
		return false;
	}
	if (find_tables(file))
		collect(file, &found);
	if (!found.nr) {
		error("%s: no symbols of functions in it", name);
		return false;
	}
	if (file->head.e_machine != EM_PPC64 && file->head.e_machine != EM_PPC)
		warning("%s: not of a POWER machine", name);
	is_kernel |= file->head.e_type == ET_REL || reaches_kernel(&found);
	to = is_kernel ? &symbols->kernel : &symbols->user;
	for (size_t i = 0; i < found.nr; i++)
		table_add(to, &found.symbols[i]);
	free(found.symbols);
	return true;
}

/* Splits FILE@ADDR; unless that is the name of a file, or no number is behind the @. */
static char *name_and_bias(const char *spec, uint64_t *bias)
{
	char *name = strdup(spec), *at, *end;

	*bias = 0;
	at = name ? strrchr(name, '@') : NULL;
	if (!at || !isxdigit((unsigned char)at[1]) || access(name, F_OK) == 0)
		return name;
	errno = 0;
	*bias = strtoull(at + 1, &end, 16);
	if (*end || errno)
		*bias = 0;
	else
		*at = 0;
	return name;
}

bool symbols_add(struct symbols *symbols, const char *spec, bool is_kernel)
{
	struct elf_file file = { 0 };
	char *name = name_and_bias(spec, &file.bias);
	bool ok = false;
	int fd;

	elf_version(EV_CURRENT);
	fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0) {
		error("%s: %s", spec, strerror(errno));
	} else {
		file.elf = elf_begin(fd, ELF_C_READ, NULL);
		ok = add_file(symbols, &file, name, is_kernel);
		elf_end(file.elf);
		close(fd);
	}
	free(name);
	return ok;
}
