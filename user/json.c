// SPDX-License-Identifier: GPL-2.0
/* Strings in JSON, and on a terminal. */
#include <stddef.h>
#include <stdint.h>

#include "json.h"

/* How many bytes the character at @text has, 0 if it is not UTF-8 (RFC 3629). */
static size_t utf8_length(const unsigned char *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *text < 0x80 ? 1 : *text < 0xc0 ? 0 : *text < 0xe0 ? 2 :
			*text < 0xf0 ? 3 : *text < 0xf8 ? 4 : 0;
	uint32_t character = length > 1 ? *text & (0x7f >> length) : *text;

	for (size_t i = 1; i < length; i++) {
		/* The 0 at the end is none of these. */
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	if (!length || character < least[length] || character > 0x10ffff ||
	    (character >= 0xd800 && character < 0xe000))
		return 0;
	return length;
}

void json_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	while (*at) {
		size_t length = utf8_length(at);

		if (!length)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else if (*at == 0xc2 && at[1] < 0xa0)
			fprintf(out, "\\u%04x", at[1]);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
	fputc('"', out);
}

void plain_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t length = utf8_length(at);
		/* U+0080 to U+009f are control characters, too. */
		int is_control = *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0);

		if (!length || is_control)
			fputc('?', out);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
}
