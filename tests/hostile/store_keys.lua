-- Keys that are none, and names that nobody answers to.
-- expect: error or overrun

local keys = { "", ("k"):rep(201), 5, {}, true, setmetatable({}, { __tostring = function() return "k" end }) }
return {
  answers = { got = function() end },
  tick = function(room)
    for _, key in ipairs(keys) do
      assert(not pcall(room.store.set, room.store, key, 1) and not pcall(room.store.get, room.store, key, "got"))
    end
    room.store:get("k\0\255", "gone")
  end,
}
