"""Flame graph trees, their differences, the guilty functions, and the split by component."""

import components
import flame
import pytest


def node(name: str, value: int, *children: dict) -> dict:
    return {"name": name, "value": value, "children": list(children)}


def test_stacks_become_a_tree():
    tree = flame.from_stacks([(["main", "scan", "read"], 3), (["main", "scan"], 1), (["main", "encode"], 2), (["main", "scan", "read"], 4)])
    assert tree == node("all", 10, node("main", 10, node("encode", 2), node("scan", 8, node("read", 7))))


def test_no_stack_is_an_empty_tree():
    assert flame.from_stacks([]) == node("all", 0)


def test_recursion_is_folded_and_what_calls_main_is_left_out():
    tree = flame.from_stacks([(["_start", "main", "walk", "walk", "walk", "leaf"], 1)])
    assert list(flame.stacks(tree)) == [(("main", "walk", "leaf"), 1)]


@pytest.mark.parametrize("symbol, name", [
    ("memcpy@plt", "memcpy"), ("add_row.constprop.0", "add_row"), ("sort.part.0.isra.0", "sort"), ("fail.cold", "fail"),
    ("__libc_start_main@@GLIBC_2.34", "__libc_start_main"), ("partition", "partition"), ("operator<", "operator<")])
def test_suffixes_of_compilers_are_stripped(symbol, name):
    assert flame.clean(symbol) == name


def test_negligible_nodes_are_put_together_and_nothing_is_lost():
    tree = flame.from_stacks([(["main"], 10000), (["main", "a"], 4), (["main", "b", "c"], 3), (["main", "d"], 5)], least_share=0.0005)
    assert tree == node("all", 10012, node("main", 10012, node("[smaller]", 12)))
    assert flame.merge(tree, tree) == node("all", 20024, node("main", 20024, node("[smaller]", 24)))


def test_depth_is_limited():
    tree = flame.from_stacks([(["a", "b", "c", "d"], 1), (["a", "b", "c"], 1), (["a", "b"], 1)], max_depth=3)
    assert tree == node("all", 3, node("a", 3, node("b", 3, node("[deeper]", 1), node("c", 1))))


def test_merge_adds():
    one = flame.from_stacks([(["main", "a"], 1)])
    two = flame.from_stacks([(["main", "a"], 2), (["main", "b"], 4)])
    assert flame.merge(one, two) == node("all", 7, node("main", 7, node("a", 3), node("b", 4)))


def test_difference():
    base = flame.from_stacks([(["main", "a"], 10), (["main", "gone"], 5)])
    new = flame.from_stacks([(["main", "a"], 14), (["main", "came"], 3)])
    main, = flame.difference(base, new)["children"]
    assert (main["base"], main["delta"]) == (15, 2)
    assert [(child["name"], child["value"], child["base"], child["delta"]) for child in main["children"]] == [
        ("a", 14, 10, 4), ("came", 3, 0, 3), ("gone", 5, 5, -5)]
    # Wide enough to draw all children.
    assert main["value"] == 14 + 3 + 5


def test_difference_of_equal_trees_is_nothing():
    tree = flame.from_stacks([(["main", "a"], 10)])
    assert flame.guilty(flame.difference(tree, tree)) == []


@pytest.mark.parametrize("helpers", [
    ["malloc"], ["palloc", "[postgres]", "malloc", "_int_malloc"], ["repalloc_extended", "realloc", "mremap_[k]"], ["__memcpy_avx_unaligned_erms"],
    ["enlargeStringInfo", "repalloc", "AllocSetRealloc"], ["MemoryContextAllocExtended"], ["asm_exc_page_fault_[k]", "clear_page_erms_[k]"],
    ["memset@plt", "__memset_avx2"], ["GenerationAlloc"], ["[libz.so.1]"]])
def test_the_caller_of_a_helper_is_guilty_and_the_helper_is_not(helpers):
    base = flame.from_stacks([(["main", "ExecAgg", "add_row"], 10), (["main", "scan", *helpers], 10)])
    new = flame.from_stacks([(["main", "ExecAgg", "add_row"], 10), (["main", "ExecAgg", "add_row", *helpers], 7), (["main", "scan", *helpers], 10)])
    assert flame.guilty(flame.difference(base, new)) == [{"frame": "add_row", "delta": 7}]


def test_the_guilty_function_is_not_its_callers_and_is_summed_over_places():
    base = flame.from_stacks([(["main", "a", "slow"], 10), (["main", "b", "slow"], 10), (["main", "quick"], 50)])
    new = flame.from_stacks([(["main", "a", "slow"], 30), (["main", "b", "slow"], 31), (["main", "quick"], 45), (["main"], 1)])
    found = flame.guilty(flame.difference(base, new))
    assert found == [{"frame": "slow", "delta": 41}, {"frame": "main", "delta": 1}, {"frame": "quick", "delta": -5}]
    assert flame.guilty(flame.difference(base, new), n=1) == found[:1]
    assert flame.guilty(flame.difference(new, base), n=1) == [{"frame": "slow", "delta": -41}]


TREE = flame.from_stacks([
    (["main", "PortalRun", "standard_ExecutorRun", "[postgres]"], 5),
    (["main", "PortalRun", "standard_ExecutorRun", "ExecScan", "heap_getnextslot", "memcpy"], 20),
    (["main", "PortalRun", "standard_ExecutorRun", "cell_pack_transfn_integer", "CellSetGrow", "repalloc", "clear_page_[k]"], 30),
    (["main", "PortalRun", "standard_ExecutorRun", "cell_pack_finalfn", "encode_set", "RadixSort", "sort_bucket"], 25),
    (["main", "PortalRun", "standard_ExecutorRun", "cell_pack_finalfn", "encode_set", "cb_writer_write"], 10),
    (["main", "PortalRun", "standard_ExecutorRun", "cell_encode", "ZSTD_compressStream2"], 6),
    (["main", "PortalRun", "printtup", "byteasend"], 3),
    (["main", "PortalRun"], 1)])


def test_components_are_those_of_the_innermost_function_that_has_one():
    found = components.Components().split(TREE)
    assert {name: value for name, value in found.items() if value} == {
        "scan": 20, "transition": 30, "sort": 25, "encode": 10, "coding": 6, "send": 3, "executor": 5, "other": 1}


def test_components_of_a_record():
    samples = [{"user": 1.0, "system": 0.5}, {"user": 1.0, "system": 1.0}, {"user": 5.0, "system": 5.0}, {"user": None, "system": None}]
    profiles = [{"profiler": "cpu", "tree": TREE}, {"profiler": "heap", "tree": TREE}, {"profiler": "faults", "tree": TREE},
                {"profiler": "instructions", "tree": None}]
    found = components.split(profiles, samples)
    assert {part["profiler"] for part in found} == {"cpu", "heap"}
    scan = next(part for part in found if part["component"] == "scan")
    assert scan == {"profiler": "cpu", "component": "scan", "value": 20, "share": 0.2, "seconds": pytest.approx(0.4)}
    assert sum(part["share"] for part in found) == pytest.approx(2)
    assert {part["seconds"] for part in found if part["profiler"] == "heap"} == {None}


def test_another_map_of_components(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('reading = ["heap_*"]\nrest = ["Portal*"]\n')
    assert [(part["component"], part["value"]) for part in components.split([{"profiler": "heap", "tree": TREE}], [], path)] == [
        ("reading", 20), ("rest", 80), ("other", 0)]


@pytest.mark.parametrize("content, message", [("reading = 1", "reading is not a list of patterns"), ("reading", "Expected")])
def test_a_bad_map_says_why(tmp_path, content, message):
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(components.Malformed, match=message):
        components.Components(path)
    with pytest.raises(components.Malformed, match="No such file"):
        components.Components(tmp_path / "missing.toml")
