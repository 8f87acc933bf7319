"""Which bounds of numbers limit no memory of their own, and why. scripts/check-house.py wants every other constant of
protocol and node whose name ends with _MAX or _PEAK in one of the two tables of bounds.

A constant that is defined anew belongs into a table, or else here, beside the reason that fits it.
"""

import re

# The tables.
TABLES = ("protocol/src/gossip/occupancy/bounds.rs", "node/src/run/bounds.rs")

DEFINED = re.compile(r"(?m)^\s*pub(?:\([a-z]+\))? const (\w*_(?:MAX|PEAK)): (?:usize|u64|u32|u16|u8) ")

# For each reason, the constants.
NO_MEMORY = {
    "one item or message: whatever holds several has a bound of its own": """
        NETWORK_ID_LEN_MAX PAYLOAD_BYTES_MAX TRANSACTION_BYTES_MAX HEADER_BYTES_MAX BLOCK_BODY_BYTES_MAX INV_ENTRIES_MAX
        GETDATA_ENTRIES_MAX NOTFOUND_BLOCKS_MAX TRANSACTIONS_ENTRIES_MAX HAD_ENTRIES_MAX LOCATOR_ENTRIES_MAX SYMBOLS_BYTES_MAX
        SYMBOLS_MAX TAKE_PLACES_MAX CONTROL_ITEM_BYTES_MAX TRANSACTIONS_BATCH_BYTES_MAX GOODBYE_REASON_LEN_MAX ANNOUNCE_BATCH_MAX
        PREFIX_BYTES_MAX PEER_GROUPS_MAX PEER_ID_BYTES_MAX KEPT_ADDRESSES_MAX RECORD_BYTES_MAX MEMBER_ADDRESSES_MAX
        MEMBER_ADDRESS_BYTES_MAX MEMBER_RELAYS_MAX AGENT_LEN_MAX ENTRIES_MAX ENTRY_KEY_LEN_MAX ENTRIES_BYTES_MAX
        ENTRIES_STATEMENT_BYTES_MAX ACCUSATION_BYTES_MAX NEWS_MESSAGE_BYTES_MAX DIGESTS_MAX DIFFERENCE_BYTES_MAX
        DIFFERENCE_WANTED_MAX STATEMENTS_MAX GAUGES_MAX TOTALS_BYTES_MAX TICKETS_PER_MESSAGE_MAX TICKETS_BYTES_MAX
        GAUGE_NAME_BYTES_MAX GONE_LISTED_MAX
        """,
    "a part of a structure whose bound is in a table": """
        BLOCKS_LISTED_MAX PENDING_LISTED_MAX TRANSACTIONS_PER_NONCE_MAX HEADERS_PER_PRODUCER_MAX FILTER_SLICE_IDS_MAX CHECKS_PER_PEER_MAX CHECKS_LOCAL_MAX LOOKUPS_MAX
        RUMOR_FANOUT_MAX BLOCKS_AHEAD_MAX BLOCKS_AHEAD_BYTES_MAX HEADERS_AHEAD_MAX GROUP_PEERS_MAX GROUP_BYTES_MAX DIALS_MAX
        OWN_STREAMS_MAX GROWTH_BYTES_MAX WINDOW_BYTES_MAX ACK_BYTES_MAX BANS_LISTED_MAX
        ARRIVALS_MAX DEPARTURES_MAX ENCLOSED_MAX OFFERED_NOTED_MAX TRACES_LISTED_MAX PASSAGES_BYTES_MAX
        """,
    "a number of connections, by which rows of the table are multiplied": """
        PEERS_MAX PER_IPV4_MAX PER_IPV4_24_MAX PER_IPV6_56_MAX SLOTLESS_CONNECTIONS_MAX GOING_CONNECTIONS_MAX PER_PEER_MAX
        """,
    "only the owner, or a command of the person at the node, gets there": """
        REQUEST_BYTES_MAX PAYLOAD_SHOWN_MAX CONFIG_BYTES_MAX DOCTOR_DIALS_MAX
        """,
    "of a program that embeds a node, for each reader that it opens: the program `node` opens none": """
        ITEM_EVENTS_MAX ITEM_EVENTS_BYTES_MAX
        """,
    "work or requests at a time, in a turn, or until something is given up": """
        COMPARISON_LISTS_MAX TEMPLATE_ASKS_MAX DETOUR_PEERS_MAX DETOUR_HEADERS_AHEAD_MAX LIST_OPEN_MAX LIST_PARTS_MAX BATCH_MAX HERE_SIGNATURES_MAX
        PRUNE_BLOCKS_MAX PRUNE_BYTES_MAX PRUNE_LOOKED_AT_MAX REPORTED_BYTES_MAX TURNED_AWAY_MAX KEPT_FAILURES_MAX
        RECONCILE_ITEMS_MAX INPUTS_TOGETHER_MAX EXACT_MEMBERS_MAX TICKETS_PER_LINK_MAX RESENDS_PER_LINK_MAX
        """,
    "a value that is counted or compared": """
        VALID_UNTIL_AHEAD_MAX REQUEST_RATE_MAX RATE_MAX STRIKES_MAX GROUP_STRIKES_MAX LATE_ITEMS_MAX REDUNDANCY_MAX
        RATE_LIMIT_MAX RPC_CALLS_MAX CIRCUIT_BYTES_MAX RECONCILE_APART_MAX ACCUSER_DOUBTS_MAX BETRAYALS_MAX REFUTATIONS_UNANSWERED_MAX TRIM_MAX NET_FLOW_MAX
        """,
    "nothing comes near it: a full mempool has half as many": "ITEMS_MAX",
}


def unbounded(texts):
    """Places and faults: constants that no table has, and exceptions that are none. `texts` are sources by file."""
    words = set(re.findall(r"\w+", "".join(texts.get(table, "") for table in TABLES)))
    excepted = {name for names in NO_MEMORY.values() for name in names.split()}
    defined = {}
    for file, text in sorted(texts.items()):
        for match in DEFINED.finditer(text):
            defined[match[1]] = f"{file}:{text[: match.start(1)].count(chr(10)) + 1}"
    for name, where in defined.items():
        if name not in words and name not in excepted:
            yield where, f"{name} is in no table of bounds", f"add a row to {' or '.join(TABLES)}, or say why not in scripts/house_memory.py"
        if name in words and name in excepted:
            yield where, f"{name} is in a table of bounds and an exception", "take it out of scripts/house_memory.py"
    for name in sorted(excepted - set(defined)):
        yield "scripts/house_memory.py", f"{name} is an exception and not defined", "take it out"
