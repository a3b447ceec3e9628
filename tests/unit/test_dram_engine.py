"""Address maps, device rows, request handling and state of the bank engine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sim.core.errors import InputError
from sim.hardware.memory import patterns
from sim.hardware.memory.address_map import FIELDS, SCHEMES, AddressMap
from sim.hardware.memory.bank_energy import command_energy, energy
from sim.hardware.memory.bank_engine import BankEngine
from sim.hardware.memory.bank_timing import resolve
from sim.hardware.memory.devices import DEVICES

HBM = DEVICES["HBM2_8Gb_x128"]
DDR = DEVICES["DDR4_8Gb_x8_3200"]


def test_importing_the_engine_does_not_import_numba() -> None:
    code = "import sys, sim.hardware.memory.bank_engine; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("mapping", ["rorabgbachco", "chrobabgraco", *SCHEMES, "rorabgbachco-xor", "rorabacobgch-xor"])
@pytest.mark.parametrize("device", [HBM, DDR, DEVICES["HBM3_6400"]], ids=lambda device: device.name)
def test_a_mapping_gives_every_burst_its_own_place(device, mapping: str) -> None:
    small = replace(device, rows=16)
    address_map = AddressMap(small, mapping)
    assert address_map.capacity_bytes == small.capacity_bytes
    where = address_map.decode(np.arange(0, small.capacity_bytes, small.burst_bytes))
    places = {tuple(place) for place in np.stack(where, axis=1).tolist()}
    assert len(places) == small.capacity_bytes // small.burst_bytes


def test_fields_stand_from_most_to_least_significant() -> None:
    address_map = AddressMap(HBM, "rorabgbachco")
    assert [address_map.field_shift(name) for name in ("co", "ch", "ba", "bg", "ro")] == [6, 11, 14, 16, 18]
    where = address_map.decode(np.array([(5 << 18) | (2 << 16) | (3 << 14) | (6 << 11) | (9 << 6) | 63]))
    assert [int(field[0]) for field in where] == [6, 2 * 4 + 3, 5, 9]


def test_xor_moves_successive_rows_of_a_bank_to_other_banks() -> None:
    stride = np.arange(16) << AddressMap(HBM, "rorabgbachco").field_shift("ro")
    assert len(set(AddressMap(HBM, "rorabgbachco").decode(stride).bank.tolist())) == 1
    assert len(set(AddressMap(HBM, "rorabgbachco-xor").decode(stride).bank.tolist())) == 16


@pytest.mark.parametrize("text", ["rorabgbach", "rorabgbachcoco", "roxxbgbachco", "", "rorabgbachcox"])
def test_a_mapping_with_missing_or_unknown_fields_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="address mapping") as refused:
        AddressMap(HBM, text or "-xor")
    assert all(name in str(refused.value) for name in FIELDS)


def test_all_mistakes_of_a_device_row_are_told_at_once() -> None:
    wrong = dict(HBM.timing) | {"tRAS": 60, "tRC": 40, "tRRD_S": 9, "tRRD_L": 4, "tRFCX": 3}
    del wrong["tWR"]
    with pytest.raises(InputError) as refused:
        resolve(replace(HBM, timing=wrong, channels=0))
    text = str(refused.value)
    assert "tWR is missing" in text
    assert "unknown timing" in text and "channels" in text
    order = dict(HBM.timing) | {"tRAS": 60, "tRC": 40, "tRRD_S": 9, "tRRD_L": 4, "tRFC": 5000}
    with pytest.raises(InputError) as refused:
        resolve(replace(HBM, timing=order))
    text = str(refused.value)
    assert "tRAS exceeds tRC" in text and "tRRD_S exceeds tRRD_L" in text and "tRFC does not fit" in text


def test_capacity_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(InputError, match="powers of two"):
        AddressMap(HBM, channels=3)


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_every_library_row_resolves_and_names_its_source(name: str) -> None:
    device = DEVICES[name]
    assert resolve(device).read_delay == device.timing["CL"] + device.burst_clocks
    assert len(device.source) > 20
    assert device.burst_bytes * device.clock_hz / device.burst_clocks * device.channels == device.bytes_per_s


def run(addresses: list[int], writes: list[int], not_before: list[int] | None = None):
    engine = BankEngine(HBM)
    earliest = None if not_before is None else np.array(not_before)
    return engine.run(np.array(addresses), np.array(writes, dtype=bool), issue_width=4, not_before=earliest)


def test_a_read_joins_a_pending_read_of_its_address() -> None:
    outcome = run([0, 0, 64], [0, 0, 0])
    assert (outcome.counts["reads"], outcome.counts["joined_reads"]) == (2, 1)
    assert outcome.done[0] == outcome.done[1] < outcome.done[2]


def test_a_read_of_a_buffered_write_takes_one_cycle() -> None:
    outcome = run([0, 0], [1, 0])
    assert outcome.counts["forwarded_reads"] == 1
    assert outcome.read_latencies.tolist() == [1]
    assert outcome.counts["reads"] == 0


def test_a_repeated_write_merges() -> None:
    outcome = run([0, 0, 64], [1, 1, 1])
    assert (outcome.counts["merged_writes"], outcome.counts["buffered_writes"]) == (1, 2)


def test_eight_writes_stay_buffered_and_the_ninth_drains_all() -> None:
    eight = run([64 * k for k in range(8)], [1] * 8)
    assert (eight.counts["writes"], eight.counts["buffered_writes"]) == (0, 8)
    nine = run([64 * k for k in range(9)], [1] * 9)
    assert (nine.counts["writes"], nine.counts["buffered_writes"]) == (9, 0)


def test_a_write_behind_a_read_of_its_address_cannot_hang() -> None:
    bank = 1 << 18
    reads = [bank * k for k in range(40)]
    outcome = run(reads + reads, [0] * 40 + [1] * 40)
    assert outcome.counts["reads"] == 40
    assert outcome.counts["writes"] + outcome.counts["buffered_writes"] == 40


def test_state_carries_from_call_to_call() -> None:
    requests = patterns.make("rand_mix21", 3000, 64)
    engine = BankEngine(HBM)
    engine.run(requests.addresses[:1000], requests.is_write[:1000])
    buffered, start = engine.count("buffered_writes"), engine.now_cycle
    assert buffered > 0
    second = engine.run(requests.addresses[1000:], requests.is_write[1000:])
    assert second.added.min() > start
    written = engine.count("writes") + engine.count("buffered_writes") + engine.count("merged_writes")
    assert written == int(requests.is_write.sum())
    again = engine.run(np.array([requests.addresses[-3]]), np.array([False]))
    assert again.added[0] >= second.finish_cycle - 1


def test_one_call_equals_two_where_the_second_begins_at_rest() -> None:
    requests = patterns.make("rand_rd", 600, 64)
    whole, halves = BankEngine(HBM), BankEngine(HBM)
    gap = np.where(np.arange(600) < 300, 0, 5000)
    outcome = whole.run(requests.addresses, requests.is_write, not_before=gap)
    halves.run(requests.addresses[:300], requests.is_write[:300])
    second = halves.run(requests.addresses[300:], requests.is_write[300:], not_before=gap[300:])
    assert (outcome.done[300:] == second.done).all()
    assert halves.count("activates") == whole.count("activates")


def test_energy_adds_up_and_needs_currents() -> None:
    engine = BankEngine(DDR)
    requests = patterns.make("rand_mix21", 2000, 64)
    end = engine.run(requests.addresses, requests.is_write).finish_cycle
    engine.run_through(end - 1)
    spent, price = energy(engine, end), command_energy(DDR)
    assert spent.total == pytest.approx(sum(spent))
    assert spent.activate == pytest.approx(price.activate * engine.count("activates"))
    assert price.activate == pytest.approx(6720 * 0.63)
    with pytest.raises(InputError, match="no currents"):
        command_energy(DEVICES["HBM3_6400"])


def test_bad_requests_are_told_at_once() -> None:
    with pytest.raises(InputError) as refused:
        BankEngine(HBM).run(np.array([-64, 0]), np.array([False]), issue_width=0)
    assert len(refused.value.problems) == 3
    with pytest.raises(InputError, match="did you mean 'seq_rd'"):
        patterns.make("seqrd", 10, 64)
