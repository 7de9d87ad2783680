#include "topo/topo_priv.h"

/*
 * Timing of DRAM parts: the JEDEC speed bins that servers are sold with.
 *
 *   DDR4 (JESD79-4): 2400T 17-17-17, 2666V 19-19-19, 2933Y 21-21-21, 3200AA 22-22-22
 *   DDR5 (JESD79-5): 4800B 40-39-39, 5600B 46-45-45, 6400B 52-52-52
 *
 * cl, rcd, rp   cycles of the bin (CL-nRCD-nRP) at its clock, two transfers a cycle
 * ras           32 ns in all of these bins
 * wr            15 ns (DDR4), 30 ns (DDR5)
 * wtr           tWTR_L: 7.5 ns (DDR4), 10 ns (DDR5), from the end of the data to the read command
 * rtw           from a read command to a write command: CL - CWL + BL/2 + 2 cycles, with
 *               CWL 12, 14, 16, 16 (DDR4) and CL - 2 (DDR5)
 * rfc, refi     refresh of all banks: 8 Gb DDR4 350 ns each 7.8 us; 16 Gb DDR5 295 ns each 3.9 us
 *
 * A channel is 64 bits wide. DDR5 splits it into two of 32 bits, with 32 banks a rank each; here
 * they are one channel of 64 banks. Rows are those of chips 8 bits wide, 1 KiB of each chip.
 */
static const struct cxms_dram parts[] = {
	{.name = "ddr4-2400",
	 .bytes_per_s = 19200000000,
	 .banks = 16,
	 .row_bytes = 8192,
	 .cl_ps = 14167,
	 .rcd_ps = 14167,
	 .rp_ps = 14167,
	 .ras_ps = 32000,
	 .wr_ps = 15000,
	 .wtr_ps = 7500,
	 .rtw_ps = 9167,
	 .rfc_ps = 350000,
	 .refi_ps = 7800000},
	{.name = "ddr4-2666",
	 .bytes_per_s = 21333333333,
	 .banks = 16,
	 .row_bytes = 8192,
	 .cl_ps = 14250,
	 .rcd_ps = 14250,
	 .rp_ps = 14250,
	 .ras_ps = 32000,
	 .wr_ps = 15000,
	 .wtr_ps = 7500,
	 .rtw_ps = 8250,
	 .rfc_ps = 350000,
	 .refi_ps = 7800000},
	{.name = "ddr4-2933",
	 .bytes_per_s = 23466666667,
	 .banks = 16,
	 .row_bytes = 8192,
	 .cl_ps = 14318,
	 .rcd_ps = 14318,
	 .rp_ps = 14318,
	 .ras_ps = 32000,
	 .wr_ps = 15000,
	 .wtr_ps = 7500,
	 .rtw_ps = 7500,
	 .rfc_ps = 350000,
	 .refi_ps = 7800000},
	{.name = "ddr4-3200",
	 .bytes_per_s = 25600000000,
	 .banks = 16,
	 .row_bytes = 8192,
	 .cl_ps = 13750,
	 .rcd_ps = 13750,
	 .rp_ps = 13750,
	 .ras_ps = 32000,
	 .wr_ps = 15000,
	 .wtr_ps = 7500,
	 .rtw_ps = 7500,
	 .rfc_ps = 350000,
	 .refi_ps = 7800000},
	{.name = "ddr5-4800",
	 .bytes_per_s = 38400000000,
	 .banks = 64,
	 .row_bytes = 4096,
	 .cl_ps = 16667,
	 .rcd_ps = 16250,
	 .rp_ps = 16250,
	 .ras_ps = 32000,
	 .wr_ps = 30000,
	 .wtr_ps = 10000,
	 .rtw_ps = 5000,
	 .rfc_ps = 295000,
	 .refi_ps = 3900000},
	{.name = "ddr5-5600",
	 .bytes_per_s = 44800000000,
	 .banks = 64,
	 .row_bytes = 4096,
	 .cl_ps = 16429,
	 .rcd_ps = 16071,
	 .rp_ps = 16071,
	 .ras_ps = 32000,
	 .wr_ps = 30000,
	 .wtr_ps = 10000,
	 .rtw_ps = 4286,
	 .rfc_ps = 295000,
	 .refi_ps = 3900000},
	{.name = "ddr5-6400",
	 .bytes_per_s = 51200000000,
	 .banks = 64,
	 .row_bytes = 4096,
	 .cl_ps = 16250,
	 .rcd_ps = 16250,
	 .rp_ps = 16250,
	 .ras_ps = 32000,
	 .wr_ps = 30000,
	 .wtr_ps = 10000,
	 .rtw_ps = 3750,
	 .rfc_ps = 295000,
	 .refi_ps = 3900000},
};

const struct cxms_dram *topo_dram(size_t i)
{
	return i < sizeof(parts) / sizeof(parts[0]) ? &parts[i] : NULL;
}
