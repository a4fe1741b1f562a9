// SPDX-License-Identifier: GPL-2.0
/* A program, to be linked in one way or another. */
int main(void)
{
	return 0;
}
