-- A memory of millions of values: no checkpoint of it can be taken.
-- expect: error or memory or overrun

local function fill(room) for i = 1, 20000 do room.memory[#room.memory + 1] = { i, { i } } end end
return { tick = function(room) if #room.memory < 1000000 then fill(room) end end }
