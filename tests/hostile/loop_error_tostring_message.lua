-- The same from a message handler, through two levels of pcall.
-- expect: overrun

local bomb = setmetatable({}, { __tostring = function() while true do end end })
return { messages = { go = function() local _, e = pcall(error, bomb) error(e) end } }
