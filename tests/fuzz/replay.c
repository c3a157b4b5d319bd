/* main() of a fuzzer built without libFuzzer: every file that is named is one input. Each is also
 * given with its last bytes cut off, which costs nothing and finds reading past the end. */
#include <string.h>

#include "base/file.h"
#include "fuzz.h"

enum { INPUT_MAX = 1 << 24, CUTS = 8 };

static void run(const struct buf *input)
{
	for (size_t cut = 0; cut < CUTS && cut <= input->len; cut++) {
		/* An allocation of its own size, so that the sanitizers see each byte too far. */
		size_t size = input->len - cut;
		uint8_t *copy = malloc(size > 0 ? size : 1);

		PROMISE(copy != NULL);
		if (size > 0)
			memcpy(copy, input->p, size);
		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct buf input;

	buf_init(&input, INPUT_MAX);
	for (int i = 1; i < argc; i++) {
		input.len = 0;
		if (file_read(argv[i], &input, &err) != RC_OK) {
			fprintf(stderr, "%s: %s\n", argv[0], err.text);
			buf_clear(&input);
			return 1;
		}
		run(&input);
	}
	buf_clear(&input);
	return 0;
}
