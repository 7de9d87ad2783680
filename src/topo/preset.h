/* Presets that come with the program: figures of hosts and of devices, each with its source. */
#ifndef CXMS_TOPO_PRESET_H
#define CXMS_TOPO_PRESET_H

struct cxms_buf;
struct cxms_err;

/** struct cxms_preset - valid during the call back only */
struct cxms_preset {
	const char *kind; /* "host" or "device" */
	const char *name;
	const char *title; /* one line */
};

/**
 * cxms_preset_list() - every preset, hosts first, each kind by name
 * Return: 0, -ENOENT (no data folder), -EINVAL (a file of it is bad), -ENOMEM
 */
int cxms_preset_list(void (*cb)(void *arg, const struct cxms_preset *preset), void *arg,
		     struct cxms_err *err);
/** cxms_preset_text() - the file of a preset as it is, sources included; -ENOENT lists those known
 */
int cxms_preset_text(const char *name, struct cxms_buf *out, struct cxms_err *err);

#endif
