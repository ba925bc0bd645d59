-- Takes all globals away and poisons the rest.
-- expect: error or harmless

local next, pairs, setmetatable, error, G = next, pairs, setmetatable, error, _G
return {
  tick = function(room)
    if room.tick == 1 then
      for _, library in pairs { string, table, math, bit, coroutine, os } do for k in next, library do library[k] = nil end end
      for k in next, G do G[k] = nil end
      setmetatable(G, { __index = function(_, name) error("no " .. name) end, __newindex = error })
    end
    return room.tick % 2 == 0 and undefined_global
  end,
}
