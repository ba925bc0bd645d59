-- Frames that were recorded from a server, in a file: each with its length before it, a join answer first.

local bytes = require "airboat.bytes"
local frames = require "airboat.frames"

local replay = {}

-- The join answer, the snapshots, and all frames after the join answer in their order.
function replay.load(path)
  local file = assert(io.open(path, "rb"))
  local all = {}
  bytes.frames(file:read("*a"), 1, function(frame) all[#all + 1] = frame end)
  file:close()
  local array = frames.read_array(table.remove(all, 1))
  assert(array[1] == frames.JOINED)
  local snapshots = {}
  for _, frame in ipairs(all) do
    if frame:byte(1) == frames.SNAPSHOT then snapshots[#snapshots + 1] = frame end
  end
  return frames.read_joined(array[2]), snapshots, all
end

return replay
