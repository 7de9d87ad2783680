#include "source/buildid.h"

#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>

/* Looks through one note segment. */
static uint8_t find_in(Elf_Data *data, uint8_t out[CXMS_BUILD_ID_MAX])
{
	GElf_Nhdr note;
	size_t at = 0, name, desc;

	while (data && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		bool is_gnu = note.n_namesz == sizeof(ELF_NOTE_GNU) &&
			      !memcmp((char *)data->d_buf + name, ELF_NOTE_GNU, note.n_namesz);

		if (!is_gnu || note.n_type != NT_GNU_BUILD_ID || !note.n_descsz ||
		    note.n_descsz > CXMS_BUILD_ID_MAX)
			continue;
		memcpy(out, (char *)data->d_buf + desc, note.n_descsz);
		return (uint8_t)note.n_descsz;
	}
	return 0;
}

uint8_t cxms_buildid_read(int fd, uint8_t out[CXMS_BUILD_ID_MAX])
{
	size_t n = 0;
	uint8_t len = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &n))
		n = 0;
	for (size_t i = 0; i < n && !len; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_NOTE)
			continue;
		len = find_in(elf_getdata_rawchunk(elf, (int64_t)ph.p_offset, ph.p_filesz,
						   ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR),
			      out);
	}
	elf_end(elf);
	return len;
}
