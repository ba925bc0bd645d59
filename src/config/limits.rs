//! Every bound of the server by name, with its default and its reason. A zero is never "unlimited".
//!
//! `docs/limits.md` is generated from this file by a test. Sizes are in bytes, queues in entries.

use super::settings;

settings! {
    /// Where things wait, are dropped, or end. Each is counted in `/metrics`.
    Limits {
        // Connections.

        /// Connections of all kinds. One costs about 30 kB; a file descriptor each.
        max_connections: usize = 4096, in 1..=1_000_000;
        /// Connections from one address. A school or a company sits behind one.
        connections_per_address: usize = 512, in 1..=1_000_000;
        /// Seconds in which TLS and the request's headers must have arrived. Slow ones hold a connection each.
        header_timeout_secs: u64 = 10, in 1..=300;
        /// Seconds in which `hello` must have arrived; then `no hello`.
        hello_timeout_secs: u64 = 5, in 1..=300;
        /// Seconds one write to a socket may take; then `slow consumer`.
        write_timeout_secs: u64 = 10, in 1..=300;

        // Sessions.

        /// Sessions, those without a link included.
        sessions_max: usize = 4096, in 1..=1_000_000;
        /// Sessions of one device. Two windows are two players; twenty are a mistake or an attack.
        sessions_per_device: usize = 16, in 1..=1_000_000;
        /// Seconds a seat waits for its player after the link was lost: a lift, a tunnel, a reload of the page.
        resume_window_secs: u64 = 30, in 1..=86_400;
        /// Seconds of silence after which a link counts as lost: three pings.
        idle_link_secs: u64 = 15, in 2..=3600;
        /// Seconds between pings. Keeps mappings in routers alive and measures the round trip.
        ping_secs: u64 = 5, in 1..=600;

        // What a client may send.

        /// Bytes of one frame. A join with a long name fits many times over.
        frame_bytes_max: usize = 128 * 1024, in 1024..=16_777_216;
        /// Bytes of one message's data. Larger things are state, or belong on a web server.
        message_bytes_max: usize = 64 * 1024, in 256..=8_388_608;
        /// Bytes of a message's name.
        message_name_bytes_max: usize = 64, in 8..=255;
        /// Bytes of a room's or a player's name.
        name_bytes_max: usize = 64, in 8..=255;
        /// Frames a second and link: inputs at 60 a second, acknowledgements and room for a talkative game.
        frames_per_second: u32 = 200, in 1..=100_000;
        /// Frames that may come at once after a pause: a phone that wakes up sends what it kept.
        frames_burst: u32 = 400, in 1..=100_000;
        /// Bytes a second and link.
        bytes_per_second: u32 = 64 * 1024, in 1024..=1_073_741_824;
        /// Bytes that may come at once after a pause. Never less than one frame.
        bytes_burst: u32 = 256 * 1024, in 1024..=1_073_741_824;
        /// Frames refused by the rates within ten seconds before the link is closed with `rate limited`.
        rate_strikes: u32 = 200, in 1..=100_000;

        // Lanes of a session. None ever makes anyone wait.

        /// Inputs waiting for their tick. Full: the oldest goes. Two seconds at 30 a second.
        input_lane: usize = 64, in 4..=4096;
        /// Messages waiting for the next tick. Full: the link closes with `rate limited`.
        message_lane: usize = 64, in 1..=65_536;
        /// Bytes of reliable frames not yet received by the client. Full: `slow consumer` when attached; emptied, and
        /// told as lost at the resume, when not.
        reliable_lane_bytes: usize = 256 * 1024, in 4096..=67_108_864;
        /// Frames in the same lane, as small ones cost more than their bytes.
        reliable_lane_frames: usize = 1024, in 16..=1_048_576;
        /// Bytes of the answer to a join: the whole room, as its documents and a snapshot. Above it nobody can enter: `too
        /// large`. A full room document and 64 players with 1 kB each are a quarter of it.
        join_answer_bytes_max: usize = 512 * 1024, in 4096..=33_554_432;
        /// Control frames (welcome, pong, bye) waiting for the link. Full: the link closes with `slow consumer`.
        control_lane_frames: usize = 64, in 8..=4096;

        // Rooms.

        /// Rooms open at the same time. One costs about 400 kB once its script is warm.
        rooms_max: usize = 512, in 1..=1_000_000;
        /// Microseconds within which rooms are due together, so that one wake-up serves all of them; the last of them waits
        /// for the others. 0: each is due when it was opened.
        room_slot_us: u64 = 2000, in 0..=20_000;
        /// Percent of a core that one room may take while others live on its worker, as CPU time of its steps against its
        /// period: four such rooms fill a core. Above it for three seconds it goes on on the penalty worker, at low priority,
        /// until it has kept to half of it for a minute.
        room_share_percent: u32 = 25, in 1..=100;
        /// Joins, resumes and closings waiting for a worker. Full: the caller waits, then hears `server busy`.
        worker_inbox: usize = 256, in 1..=65_536;
        /// People who watch one room, screens included. They have no seat, but cost as much to send to as a player.
        room_spectators_max: usize = 64, in 0..=65_536;
        /// Milliseconds a caller waits for a worker's answer; then `server busy`.
        worker_answer_ms: u64 = 2000, in 10..=60_000;
        /// VMs and modules waiting for the loader. Full: whoever wants to open a room hears `server busy`.
        loader_queue: usize = 64, in 1..=65_536;
        /// Failures, reloads and proven versions of rooms waiting to be dealt with. Full: told again a second later.
        room_events: usize = 256, in 1..=65_536;
        /// Values in a room's checkpoint: every entity of a full room with its widest class. About 10 ms to read. A room that
        /// holds more is not saved, and not reloaded.
        checkpoint_values_max: usize = 131_072, in 1024..=16_777_216;
        /// Bytes of a room's checkpoint, likewise. A room keeps one, two while a new version is on trial.
        checkpoint_bytes_max: usize = 8 * 1024 * 1024, in 65_536..=268_435_456;
        /// Closed rooms whose state is kept until somebody comes by their name. Full: the oldest is forgotten.
        checkpoints_held_max: usize = 256, in 1..=1_000_000;
        /// Bytes of these.
        checkpoints_held_bytes_max: usize = 64 * 1024 * 1024, in 65_536..=1_073_741_824;
        /// Bytes of all documents of a room that one player is sent: `room.state`, everybody's `player.state` and what the
        /// engine says of each seat, the own secret. They go out whole in the answer to a join and after a lag, so never more
        /// than half of `reliable_lane_bytes`. A room keeps each twice: text as it is, a number in a list in 32 bytes, one
        /// with a name in about 120. Above it what would grow stays as it was last sent.
        documents_bytes_max: usize = 128 * 1024, in 4096..=33_554_432;
        /// Bytes of all `player.secret` of a room: 64 players may have 16 kB each. Above it likewise.
        secrets_bytes_max: usize = 1024 * 1024, in 4096..=67_108_864;
        /// Milliseconds of snapshots a room keeps as baselines. An acknowledgement older than this costs a whole one.
        snapshot_ring_ms: u64 = 1500, in 1000..=10_000;

        // Snapshots on the way out.

        /// Bytes of a datagram. Chromium drops longer ones than 1,211 without a word; tunnels take some too.
        datagram_bytes_max: usize = 1100, in 500..=1200;
        /// Bytes of the states kept for one player whose snapshots do not fit a datagram, until they are acknowledged or all
        /// fits again: 300 entities are about 10 kB a tick. A state above an eighth of it is not split but goes on the
        /// stream.
        partial_worlds_bytes_max: usize = 1024 * 1024, in 16_384..=67_108_864;
        /// Bytes of datagrams that may wait in QUIC. More would be seconds of stale state on a bad network.
        datagram_send_buffer_bytes: usize = 16 * 1024, in 2048..=1_048_576;
        /// Bytes of datagrams that may wait to be read. Full: the oldest goes.
        datagram_receive_buffer_bytes: usize = 64 * 1024, in 4096..=1_048_576;
        /// Bytes of the UDP socket's receive buffer. The usual 208 KiB lose packets when 100 clients come at once.
        udp_receive_buffer_bytes: usize = 4 * 1024 * 1024, in 65_536..=67_108_864;
        /// Bytes read at once from a WebSocket, kept and cleared for each: inputs are below 100. The library's 128 KiB cost
        /// twice the CPU.
        websocket_read_buffer_bytes: usize = 1024, in 1024..=131_072;
        /// Bytes that may wait to be written to a WebSocket. The library has no bound of its own.
        websocket_write_buffer_bytes_max: usize = 1024 * 1024, in 65_536..=67_108_864;
        /// Seconds a poll is held open. Proxies give up at 30.
        poll_hold_secs: u64 = 20, in 1..=60;
        /// Bytes of the body of a poll, either way.
        poll_body_bytes_max: usize = 256 * 1024, in 4096..=16_777_216;

        // Scripts.

        /// Milliseconds of CPU time one callback may take; then it is stopped. A tick at 60 Hz lasts 16.
        lua_callback_ms: u64 = 15, in 1..=10_000;
        /// Milliseconds of CPU time loading a module may take.
        lua_load_ms: u64 = 500, in 10..=60_000;
        /// Megabytes of memory of one room's script.
        lua_memory_mb: usize = 64, in 1..=4096;
        /// Log lines a second and room; the rest is counted.
        lua_log_lines_per_second: u32 = 10, in 1..=10_000;

        /// Keys that one module's rooms keep by `room.store`. At the largest values that is 640 MB of disk.
        script_keys_max: u64 = 10_000, in 1..=100_000_000;
        /// Versions of one module that are kept with their sources; the oldest go.
        module_versions_max: u64 = 100, in 2..=100_000;

        // The panel.

        /// Minutes the link for the first admin works. Restarting the server prints a new one.
        admin_setup_minutes: u64 = 60, in 1..=1440;
        /// Hours after which an admin must log in again: a working day.
        admin_session_hours: u64 = 12, in 1..=720;
        /// Admins' sessions. One more ends the oldest.
        admin_sessions_max: usize = 64, in 1..=10_000;
        /// Characters of a password at least. Long beats complicated.
        admin_password_chars_min: usize = 10, in 8..=128;
        /// Wrong passwords in a row, of one name or from one address, before the next try must wait.
        admin_login_tries: u32 = 5, in 1..=100;
        /// Seconds of the first wait; each further wrong password doubles it.
        admin_login_wait_secs: u64 = 2, in 1..=3600;
        /// Seconds of the longest wait. An address meets it after 14 wrong passwords.
        admin_login_wait_max_secs: u64 = 900, in 1..=86_400;
        /// Names and addresses whose wrong passwords are remembered. Full: the one that may try soonest is forgotten.
        admin_login_remembered: usize = 4096, in 16..=1_000_000;
        /// Passwords checked at the same time. Each takes a core for about 30 ms, and rooms need the cores.
        admin_hashes: usize = 1, in 1..=64;
        /// Milliseconds a login waits for its turn at that; then `busy`.
        admin_hash_wait_ms: u64 = 2000, in 10..=60_000;
        /// Bytes of the body of a request to the panel.
        admin_body_bytes_max: usize = 8 * 1024, in 1024..=1_048_576;
        /// Rooms in the panel's live list, the fullest first. The rest is counted.
        admin_rooms_shown: usize = 200, in 1..=10_000;
        /// Seconds of figures kept for the charts of a panel that is just opened. One costs about 100 bytes.
        admin_history_secs: usize = 300, in 10..=86_400;
        /// Rows of the audit log; the oldest go.
        audit_rows_max: u64 = 100_000, in 100..=100_000_000;

        // Store and shutdown.

        /// Logins and what else the server itself asks of the database, waiting. Full: whoever asked is told `busy`; nobody
        /// waits.
        store_queue: usize = 1024, in 1..=1_048_576;
        /// Requests of all rooms to their stores, waiting in a lane of their own behind everything else. Full: refused,
        /// counted and logged. At the largest values that is 64 MB.
        store_rooms_queue: usize = 1024, in 1..=1_048_576;
        /// Requests of one room to its store that have not been carried out: as many as its script may await answers, four
        /// busy ticks. What is over is refused, counted and logged once a second: nothing is kept, a question finds nil.
        store_room_requests: usize = 256, in 1..=65_536;
        /// Milliseconds SQLite waits for another process that holds the file, such as a backup.
        store_busy_ms: u64 = 5000, in 0..=60_000;
        /// Seconds of the whole shutdown; then the process exits and names the stage that hung. What rooms have put into
        /// their stores is written as far as three quarters of what is left of it go.
        shutdown_secs: u64 = 10, in 1..=600;
        /// Seconds of it in which links may still take what is queued.
        shutdown_flush_secs: u64 = 2, in 0..=60;
    }
}
