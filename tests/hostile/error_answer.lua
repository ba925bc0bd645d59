-- Answers a call with what cannot be sent.
-- expect: error

return { messages = { ask = function() return { f = function() end } end, go = function() return print end } }
