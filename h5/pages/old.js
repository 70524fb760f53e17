// For browsers without modules, in words that they know.
document.getElementById('page').textContent = /^zh/.test(navigator.language)
  ? '请升级应用后再试' : 'Please update the app and try again';
