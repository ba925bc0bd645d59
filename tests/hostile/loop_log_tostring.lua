-- room:log asks for the text of what it is given.
-- expect: overrun

return { tick = function(room) room:log(setmetatable({}, { __tostring = function() while true do end end })) end }
